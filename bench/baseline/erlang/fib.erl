%% Fibonacci numbers, one process a call.
-module(fib).
-export([main/1]).

main([Arg]) ->
    Self = self(),
    N = list_to_integer(Arg),
    spawn(fun() -> fib(Self, N) end),
    receive V -> io:format("~w~n", [V]) end,
    halt().

fib(Parent, N) when N < 2 -> Parent ! N;
fib(Parent, N) ->
    Self = self(),
    spawn(fun() -> fib(Self, N - 1) end),
    spawn(fun() -> fib(Self, N - 2) end),
    receive X -> receive Y -> Parent ! (X + Y) end end.
