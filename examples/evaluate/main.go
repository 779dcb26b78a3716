// Command evaluate tells how good a model is: it has it inspect images of which is known
// whether they are good or bad, and prints how many bad ones escaped, how many good ones
// were rejected, and within which limits that holds for products to come.
//
//	go run ./examples/evaluate
//	go run ./examples/evaluate -model ID -require 'escape<=0.02@95%' plates
//
// The argument is a folder with the folders good and bad, in which a folder may be a kind
// of defect, or a table in CSV. What is required has to be proven by that many images: if
// it is not, the exit code is 1. An image without a verdict counts as a mistake.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

var (
	modelID = flag.String("model", "", "`ID` of the model (default: train one with the plates)")
	wanted  = flag.String("require", "escape<=0.4@95%", "`requirement` that the model has to meet")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, cmp.Or(flag.Arg(0), "evaluation/testdata/plates.csv"))
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, labeled string) error {
	requirement, err := evaluation.ParseRequirement(*wanted)
	if err != nil {
		return err
	}
	read := evaluation.ReadDir
	if filepath.Ext(labeled) == ".csv" {
		read = evaluation.ReadCSV
	}
	set, err := read(labeled)
	if err != nil {
		return err
	}
	client, err := connect()
	if err != nil {
		return err
	}
	defer client.Close()
	if *modelID == "" {
		if *modelID, err = train(ctx, client); err != nil {
			return err
		}
	}

	var results []evaluation.Result
	for outcome, err := range client.Inspect(ctx, hacarus.InspectRequest{ModelID: *modelID, Files: set.Files()}) {
		if err != nil {
			return err
		}
		results = append(results, evaluation.ResultOf(outcome, 0))
	}
	report, err := evaluation.Evaluate(set, results)
	if err != nil {
		return err
	}
	fmt.Println(report)
	for _, image := range append(report.Escapes(), report.Overkills()...) {
		fmt.Println(image.Verdict, image.File)
	}
	for _, image := range report.Undecided() {
		fmt.Println(image.File, "has no verdict:", image.Err)
	}
	if judgement := requirement.Judge(report); !judgement.Met {
		return errors.New(judgement.String())
	}
	return nil
}

func train(ctx context.Context, client *hacarus.Client) (string, error) {
	files, err := hacarus.FilesFromDir("testdata/plates/train")
	if err != nil {
		return "", err
	}
	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmPatternMatching)
	if err != nil {
		return "", err
	}
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	if err != nil {
		return "", err
	}
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		return "", err
	}
	return model.ModelID, nil
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect() (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		return hacarustest.NewServer().Client(), nil
	}
	return hacarus.NewFromEnv(hacarus.WithUserAgent("evaluate-example"))
}
