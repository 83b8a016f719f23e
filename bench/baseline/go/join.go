//go:build ignore

// Two producers; a third goroutine takes one value from each. Unbuffered channels make the producers wait.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func producer(out chan int) {
	for i := 0; ; i++ {
		out <- i
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	left, right := make(chan int), make(chan int)
	go producer(left)
	go producer(right)
	for {
		x := <-left
		y := <-right
		if x == n {
			fmt.Println(x + y)
			return
		}
	}
}
