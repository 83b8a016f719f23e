//go:build ignore

// Two goroutines and one ball.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func player(id int, mine, other chan int, done chan int) {
	for {
		left := <-mine
		if left == 0 {
			done <- id
			return
		}
		other <- left - 1
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	ping, pong, done := make(chan int), make(chan int), make(chan int)
	go player(0, ping, pong, done)
	go player(1, pong, ping, done)
	ping <- n
	fmt.Println(<-done)
}
