%% A tree of processes, ten children each, that adds up its leaves.
-module(skynet).
-export([main/1]).

main([Arg]) ->
    Self = self(),
    spawn(fun() -> skynet(Self, 0, list_to_integer(Arg)) end),
    receive Sum -> io:format("~w~n", [Sum]) end,
    halt().

skynet(Parent, Number, 1) -> Parent ! Number;
skynet(Parent, Number, Size) ->
    Self = self(),
    Step = Size div 10,
    start(10, Self, Number, Step),
    Parent ! sum(10, 0).

start(0, _, _, _) -> ok;
start(Left, Self, Number, Step) ->
    spawn(fun() -> skynet(Self, Number, Step) end),
    start(Left - 1, Self, Number + Step, Step).

sum(0, Total) -> Total;
sum(Left, Total) -> receive N -> sum(Left - 1, Total + N) end.
