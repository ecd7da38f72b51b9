// Drives the Go client for tests: see clients.check.ts.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"ingressd"
)

func say(event map[string]any) {
	json.NewEncoder(os.Stdout).Encode(event)
}

func list(open []string) []string {
	return append([]string{}, open...)
}

func main() {
	mode, socket := os.Args[1], os.Args[2]
	number, _ := strconv.Atoi(os.Args[3])
	if mode == "answers" {
		for i := 0; i < number; i++ {
			exposure, err := ingressd.Expose(ingressd.Intent{Service: "web", Port: 8443, Backend: "127.0.0.1:9", Socket: socket})
			var refused *ingressd.Error
			if errors.As(err, &refused) {
				message := refused.Message
				if refused.Code == "unreachable" || refused.Code == "bad_answer" {
					message = ""
				}
				say(map[string]any{"code": refused.Code, "message": message})
				continue
			}
			say(map[string]any{"open": list(exposure.Open())})
			exposure.Close()
		}
		return
	}
	ttl, _ := strconv.ParseFloat(os.Args[5], 64)
	proto := ""
	if len(os.Args) > 6 {
		proto = os.Args[6]
	}
	exposure, err := ingressd.Expose(ingressd.Intent{
		Proto: proto, Service: "web", Port: number, Backend: os.Args[4], Socket: socket, TTL: time.Duration(ttl * float64(time.Second)),
		OnChange: func(open []string, because string) { say(map[string]any{"open": list(open), "because": because}) },
	})
	var refused *ingressd.Error
	if errors.As(err, &refused) {
		say(map[string]any{"code": refused.Code, "message": refused.Message})
		os.Exit(3)
	}
	say(map[string]any{"open": list(exposure.Open()), "because": ""})
	io.ReadAll(os.Stdin)
	exposure.Close()
	say(map[string]any{"open": list(exposure.Open()), "because": "closed"})
}
