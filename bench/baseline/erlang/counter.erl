%% A process that owns a number, and a client that waits for every answer.
-module(counter).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    Self = self(),
    Cell = spawn(fun() -> cell(0) end),
    spawn(fun() -> client(Cell, 0, N, Self) end),
    receive {done, V} -> io:format("~w~n", [V]) end,
    halt().

cell(V) ->
    receive {increment, From} -> From ! (V + 1), cell(V + 1) end.

client(_, N, N, Main) -> Main ! {done, N};
client(Cell, _, N, Main) ->
    Cell ! {increment, self()},
    receive V -> client(Cell, V, N, Main) end.
