//go:build ignore

// Fibonacci numbers, one goroutine a call.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func fib(out chan int, n int) {
	if n < 2 {
		out <- n
		return
	}
	parts := make(chan int)
	go fib(parts, n-1)
	go fib(parts, n-2)
	x := <-parts
	y := <-parts
	out <- x + y
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	answer := make(chan int)
	go fib(answer, n)
	fmt.Println(<-answer)
}
