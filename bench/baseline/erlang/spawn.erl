%% Processes that end at once, ten at a time.
-module(spawn).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    loop(N),
    io:format("~w~n", [N]),
    halt().

loop(0) -> ok;
loop(N) -> ten(10, N), erlang:yield(), loop(N - 10).

ten(0, _) -> ok;
ten(K, N) -> erlang:spawn(fun() -> N end), ten(K - 1, N).
