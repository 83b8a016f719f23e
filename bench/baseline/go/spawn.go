//go:build ignore

// Goroutines that end at once, ten at a time.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

func child(n int) {}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	for left := n; left > 0; left -= 10 {
		for k := 0; k < 10; k++ {
			go child(left)
		}
		runtime.Gosched()
	}
	fmt.Println(n)
}
