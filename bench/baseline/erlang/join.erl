%% Two producers; a third process takes one value from each and lets them go on.
-module(join).
-export([main/1]).

main([Arg]) ->
    N = list_to_integer(Arg),
    Self = self(),
    spawn(fun() -> start(N, Self) end),
    receive {done, V} -> io:format("~w~n", [V]) end,
    halt().

start(N, Main) ->
    Self = self(),
    Left = spawn(fun() -> producer(left, Self) end),
    Right = spawn(fun() -> producer(right, Self) end),
    Left ! 0,
    Right ! 0,
    joiner(Left, Right, N, Main).

producer(Tag, To) ->
    receive I -> To ! {Tag, I}, producer(Tag, To) end.

joiner(Left, Right, N, Main) ->
    receive
        {left, X} ->
            receive
                {right, _} when X =:= N -> Main ! {done, X + X};
                {right, Y} -> Left ! (X + 1), Right ! (Y + 1), joiner(Left, Right, N, Main)
            end
    end.
