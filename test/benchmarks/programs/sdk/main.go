// Command sdk is a program that inspects images with the SDK.
package main

import (
	"context"
	"fmt"
	"os"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func main() {
	client, err := hacarus.New("https://check.example", hacarus.WithCredentials("line-7", "secret"))
	if err == nil && len(os.Args) > 1 { // never, when it is measured
		err = inspect(context.Background(), client, os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func inspect(ctx context.Context, client *hacarus.Client, path string) error {
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromPath(path)}})
	if err != nil {
		return err
	}
	if _, err := client.PredictItems(ctx, hacarus.ActiveModel, ids...); err != nil {
		return err
	}
	for item, err := range client.AllItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}) {
		if err != nil {
			return err
		}
		fmt.Println(item.ItemID, item.Verdict(""))
	}
	return nil
}
