//go:build ignore

// A goroutine that owns a number, and a client that waits for every answer.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func counter(requests chan chan int) {
	value := 0
	for reply := range requests {
		value++
		reply <- value
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	requests, reply := make(chan chan int), make(chan int, 1)
	go counter(requests)
	value := 0
	for value < n {
		requests <- reply
		value = <-reply
	}
	fmt.Println(value)
}
