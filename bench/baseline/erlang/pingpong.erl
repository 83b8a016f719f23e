%% Two processes and one ball.
-module(pingpong).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    Self = self(),
    Ping = spawn(fun() -> receive {other, Pong} -> player(0, Pong, Self) end end),
    Pong = spawn(fun() -> player(1, Ping, Self) end),
    Ping ! {other, Pong},
    Ping ! N,
    receive {done, Id} -> io:format("~w~n", [Id]) end,
    halt().

player(Id, Other, Main) ->
    receive
        0 -> Main ! {done, Id};
        N -> Other ! (N - 1), player(Id, Other, Main)
    end.
