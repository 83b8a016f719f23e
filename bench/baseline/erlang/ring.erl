%% A token round 503 processes.
-module(ring).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    Self = self(),
    First = spawn(fun() -> receive {next, Pid} -> node_loop(1, Pid, Self) end end),
    Last = lists:foldl(
        fun(Id, Next) -> spawn(fun() -> node_loop(Id, Next, Self) end) end,
        First,
        lists:seq(503, 2, -1)
    ),
    First ! {next, Last},
    First ! N,
    receive {done, Id} -> io:format("~w~n", [Id]) end,
    halt().

node_loop(Id, Next, Main) ->
    receive
        0 -> Main ! {done, Id};
        N -> Next ! (N - 1), node_loop(Id, Next, Main)
    end.
