package hacarus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// From the images of a shift to their verdicts, in the order in which they come.
func ExampleClient_Inspect() {
	server := hacarustest.NewServer() // the service, in this process
	defer server.Close()
	client := server.Client() // hacarus.NewFromEnv() for the real one
	defer client.Close()
	model := server.AddModel(hacarus.Model{Name: "plates"})

	paths, err := filepath.Glob("testdata/plates/inspect/OK-*.jpg")
	if err != nil {
		log.Fatal(err)
	}
	var files []hacarus.File
	for _, path := range paths {
		files = append(files, hacarus.FileFromPath(path))
	}
	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{ModelID: model.ModelID, Files: files}) {
		switch {
		case err != nil:
			log.Fatal(err) // what ended the inspection
		case result.Err != nil:
			fmt.Println(result.File, "has no verdict:", result.Err)
		default:
			fmt.Println(filepath.Base(result.File), result.ItemID, result.Verdict)
		}
	}
	// Unordered output:
	// OK-01.jpg OK-01 OK
	// OK-02.jpg OK-02 OK
	// OK-03.jpg OK-03 OK
	// OK-04.jpg OK-04 OK
}

// With a journal, an inspection that ended early, whatever the reason, is run
// again: it goes on where it was.
func ExampleClient_Inspect_journal() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{Name: "plates"})
	folder, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	request := hacarus.InspectRequest{
		Files:   []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")},
		Journal: filepath.Join(folder, "shift.journal"),
		Grace:   5 * time.Minute, // what a prediction takes at most
	}
	for range 2 {
		for result, err := range client.Inspect(context.Background(), request) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(result.ItemID, result.Verdict)
		}
	}
	fmt.Println("uploads:", server.Executions("addItem"), "predictions:", server.Executions("predictItems"))
	// Output:
	// OK-01 OK
	// OK-01 OK
	// uploads: 1 predictions: 1
}

// Train a model, and wait until it can be used.
func ExampleClient_TrainAndWait() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("testdata/plates/train/T-001.jpg"),
			hacarus.FileFromPath("testdata/plates/train/T-002.jpg"),
		},
		Training: true,
		Good:     new(true),
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.TrainAndWait(ctx, "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Name, model.Status, model.OKImgCount)
	// Output: plates active 2
}

// Go on waiting for a model whose id is known, such as after a restart.
func ExampleClient_WaitForModel() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{ModelID: "m1", Status: hacarus.ModelStatusFailed, StatusText: "Malformed parameters detected."})

	_, err := client.WaitForModel(context.Background(), "m1")
	var failed *hacarus.TrainingError
	if errors.As(err, &failed) {
		fmt.Println(failed.Model.Status, failed.Model.StatusText)
	}
	// Output: failed Malformed parameters detected.
}

// Predict items that are there already, and take them as they become ready.
func ExampleClient_WaitForItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	ctx := context.Background()
	model := server.AddModel(hacarus.Model{})
	image, err := os.ReadFile("testdata/plates/inspect/OK-01.jpg")
	if err != nil {
		log.Fatal(err)
	}
	ids := []string{server.AddItem(hacarus.Item{ItemID: "a"}, image).ItemID, server.AddItem(hacarus.Item{ItemID: "b"}, image).ItemID}

	if _, err := client.PredictItems(ctx, model.ModelID, ids...); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, model.ModelID, ids) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ItemID, item.Verdict(model.ModelID))
	}
	// Unordered output:
	// a OK
	// b OK
}

// A wait that is told when to ask, and that tells how far it is. When its
// context ends, the error has what was last seen.
func ExampleWithProgress() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{ModelID: "m1", Status: hacarus.ModelStatusCreating})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	_, err := client.WaitForModel(ctx, "m1",
		hacarus.WithPollInterval(time.Millisecond, time.Minute),
		hacarus.WithProgress(func(p hacarus.WaitProgress) {
			fmt.Println(p.Model.Status)
			cancel()
		}))
	var waited *hacarus.WaitError
	if errors.As(err, &waited) && errors.Is(err, context.Canceled) {
		fmt.Println("ended while", waited.Model.Status)
	}
	// Output:
	// creating
	// ended while creating
}

// Ask rarely, where a wait takes hours and the service is busy with others.
func ExampleWithPollInterval() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{ModelID: "m1"})

	model, err := client.WaitForModel(context.Background(), "m1", hacarus.WithPollInterval(30*time.Second, 10*time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Status) // at once, since it is there
	// Output: active
}

// The names under which Inspect uploads files.
func ExampleSafeName() {
	for _, name := range []string{"plate-0042.jpg", "検査1.jpg", "at 3.27 PM.png"} {
		fmt.Println(hacarus.SafeName(name))
	}
	// Output:
	// plate-0042.jpg
	// safe-_e6a49ce69fbb_1_2e_jpg.jpg
	// safe-at_20_3_2e_27_20_PM_2e_png.png
}

// An item's id tells the name of the file that it was made from.
func ExampleOriginalName() {
	name, ok := hacarus.OriginalName("safe-_e6a49ce69fbb_1_2e_jpg")
	fmt.Println(name, ok)
	// Output: 検査1.jpg true
}
