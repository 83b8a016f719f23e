%% Bytes for each of N processes that wait for a message and know two values.
-module(parked).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Last = park(N, self()),
    After = erlang:memory(total),
    Last ! 0,
    receive Total -> Total = N * (N + 1) div 2 end,
    io:format("~w~n", [(After - Before) / N]),
    halt().

park(0, Before) -> Before;
park(I, Before) ->
    Pid = spawn(fun() -> receive N -> Before ! (N + I) end end),
    park(I - 1, Pid).
