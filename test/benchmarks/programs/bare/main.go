// Command bare is a program that calls a service with net/http and
// encoding/json: its size and start-up time are what the SDK's are compared with.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	client := &http.Client{}
	if len(os.Args) > 1 { // never, when it is measured
		if err := call(context.Background(), client, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func call(ctx context.Context, client *http.Client, url string) error {
	body, err := json.Marshal(map[string][]string{"item_ids": os.Args[2:]})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var v map[string]any
	err = json.NewDecoder(answer.Body).Decode(&v)
	fmt.Println(v)
	return err
}
