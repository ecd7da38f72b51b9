// A Go program: its runtime makes its own system calls, from threads of its own.
package main

import (
	"fmt"
	"net"
	"sync"
)

func attempt(network, address string) string {
	var err error
	if network == "udp" {
		_, err = net.ListenPacket(network, address)
	} else {
		_, err = net.Listen(network, address)
	}
	if err != nil {
		return err.Error()
	}
	return "listens"
}

func main() {
	var group sync.WaitGroup
	wrong := make(chan string, 400)
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if got := attempt("tcp", "127.0.0.1:0"); got != "listens" {
				wrong <- got
			}
			if got := attempt("tcp", "0.0.0.0:0"); got == "listens" {
				wrong <- "0.0.0.0"
			}
		}()
	}
	group.Wait()
	fmt.Println(len(wrong))
	for _, address := range []string{":18475", "[::]:18475", "0.0.0.0:18475"} {
		fmt.Println(attempt("tcp", address))
	}
	fmt.Println(attempt("udp", ":18475"))
	fmt.Println(attempt("udp", "127.0.0.1:0"))
}
