//go:build ignore

// A tree of goroutines, ten children each, that adds up its leaves.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func skynet(out chan int, number, size int) {
	if size == 1 {
		out <- number
		return
	}
	children := make(chan int)
	step := size / 10
	for i := 0; i < 10; i++ {
		go skynet(children, number+i*step, step)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	out <- sum
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	total := make(chan int)
	go skynet(total, 0, n)
	fmt.Println(<-total)
}
