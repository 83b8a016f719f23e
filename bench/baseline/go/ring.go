//go:build ignore

// A token round 503 goroutines.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func node(id int, here, next chan int, done chan int) {
	for {
		token := <-here
		if token == 0 {
			done <- id
			return
		}
		next <- token - 1
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	done := make(chan int)
	first := make(chan int)
	here := first
	for id := 1; id <= 503; id++ {
		next := first
		if id < 503 {
			next = make(chan int)
		}
		go node(id, here, next, done)
		here = next
	}
	first <- n
	fmt.Println(<-done)
}
