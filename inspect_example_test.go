package hacarus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// Upload a training set, whatever its files are called, and train with it.
func ExampleClient_Upload() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	ctx := context.Background()

	var ids []string
	for result, err := range client.Upload(ctx, hacarus.UploadRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("testdata/plates/train/T-001.jpg"),
			hacarus.FileFromPath("testdata/plates/train/T-002.jpg"),
		},
		Training: true, Good: new(true),
	}) {
		switch {
		case err != nil:
			log.Fatal(err) // what ended the upload
		case result.Err != nil:
			fmt.Println(result.File, "was not uploaded:", result.Err)
		default:
			ids = append(ids, result.ItemID)
		}
	}
	model, err := client.TrainAndWait(ctx, "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ids), "items,", model.Status)
	// Output: 2 items, active
}

// Predict items again after a change of parameters, and wait for what is new.
func ExampleClient_PredictAndWait() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	model := server.AddModel(hacarus.Model{Name: "plates"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")}})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		for item, err := range client.PredictAndWait(ctx, model.ModelID, ids) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(item.ItemID, item.Verdict(model.ModelID), len(item.Assessments))
		}
	}
	// Output:
	// OK-01 OK 1
	// OK-01 OK 2
}

// What became of each file is in the journal, also while it is in use.
func ExampleReadJournal() {
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
	path := filepath.Join(folder, "shift.journal")

	for _, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")}, Journal: path,
	}) {
		if err != nil {
			log.Fatal(err)
		}
	}
	for entry, err := range hacarus.ReadJournal(path) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.File, entry.ItemID, entry.Step, entry.Verdict)
	}
	// Output: OK-01.jpg OK-01 done OK
}

// Open a journal once, and let one inspection after the other use it.
func ExampleNewFileJournal() {
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

	store, err := hacarus.NewFileJournal(filepath.Join(folder, "line.journal"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, name := range []string{"OK-01.jpg", "OK-02.jpg", "OK-01.jpg"} {
		for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
			Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/" + name)}, Store: store,
		}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(result.ItemID, result.Verdict)
		}
	}
	fmt.Println("uploads:", server.Executions("addItem"))
	// Output:
	// OK-01 OK
	// OK-02 OK
	// OK-01 OK
	// uploads: 2
}

// A journal in memory goes on after an error, but not after a crash.
func ExampleNewMemoryJournal() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{Name: "plates"})

	request := hacarus.InspectRequest{
		Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")},
		Store: hacarus.NewMemoryJournal(),
	}
	for range 2 {
		for result, err := range client.Inspect(context.Background(), request) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(result.ItemID, result.Verdict)
		}
	}
	fmt.Println("uploads:", server.Executions("addItem"))
	// Output:
	// OK-01 OK
	// OK-01 OK
	// uploads: 1
}

// Outcomes as lines of JSON, for the program that comes next.
func ExampleInspection_MarshalJSON() {
	outcome := &hacarus.Inspection{
		File: "images/plate-7.png", Index: 6, Tag: "lot 4711", ItemID: "plate-7", Verdict: hacarus.VerdictUnknown, Err: hacarus.ErrNoVerdict,
	}
	line, err := json.Marshal(outcome)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	// Output: {"file":"images/plate-7.png","index":6,"tag":"lot 4711","item_id":"plate-7","verdict":"unknown","error":"neither OK nor NG"}
}

// The score of the model that inspected, where it tells one.
func ExampleInspection_Score() {
	outcome := &hacarus.Inspection{
		File: "plate-7.png", Verdict: hacarus.VerdictNG,
		Item: &hacarus.Item{Assessments: []hacarus.Assessment{{Label: hacarus.LabelNG, AnomalyScore: "0.93"}}},
	}
	if score, ok := outcome.Score(); ok {
		fmt.Println(outcome.Verdict, score)
	}
	// Output: NG 0.93
}

// A file that has no verdict is for a person, or for another try.
func ExampleErrNoVerdict() {
	err := fmt.Errorf("hacarus: item plate-7: %w: the label is %q", hacarus.ErrNoVerdict, "Defected")
	if errors.Is(err, hacarus.ErrNoVerdict) {
		fmt.Println(strings.TrimPrefix(err.Error(), "hacarus: "))
	}
	// Output: item plate-7: neither OK nor NG: the label is "Defected"
}

// What ends an inspection is no fault of the files that were under way.
func ExampleErrUnfinished() {
	server := hacarustest.NewServer(hacarustest.WithoutLicense())
	defer server.Close()
	server.AddModel(hacarus.Model{})
	client := server.Client()
	defer client.Close()
	files := []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")}
	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{Files: files}) {
		switch {
		case err != nil:
			fmt.Println("ended by the license:", errors.Is(err, hacarus.ErrLicense))
		case errors.Is(result.Err, hacarus.ErrUnfinished):
			fmt.Println("keep", filepath.Base(result.File))
		default:
			fmt.Println(result.File, result.Verdict, result.Err)
		}
	}
	// Output:
	// keep OK-01.jpg
	// ended by the license: true
}

// Progress is told between the outcomes, on the goroutine that ranges over them.
func ExampleInspectProgress() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{Name: "plates"})

	var last hacarus.InspectProgress
	for _, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		Files:    []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg"), hacarus.FileFromPath("testdata/plates/inspect/OK-02.jpg")},
		Progress: func(p hacarus.InspectProgress) { last = p },
	}) {
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d of %d assessed, %d failed\n", last.Assessed, last.Total, last.Failed)
	// Output: 2 of 2 assessed, 0 failed
}

// Files of a Source have no total; what is known is how many are there.
func ExampleUploadProgress() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()

	var last hacarus.UploadProgress
	source := func(yield func(hacarus.File) bool) {
		_ = yield(hacarus.FileFromPath("testdata/plates/train/T-001.jpg")) && yield(hacarus.FileFromPath("testdata/plates/train/T-002.jpg"))
	}
	for _, err := range client.Upload(context.Background(), hacarus.UploadRequest{
		Source: source, Training: true, Progress: func(p hacarus.UploadProgress) { last = p },
	}) {
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("total %d, uploaded %d, failed %d\n", last.Total, last.Uploaded, last.Failed)
	// Output: total 0, uploaded 2, failed 0
}

// Keep what was not uploaded, to try it again or to tell somebody.
func ExampleUploaded() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()

	var refused []*hacarus.Uploaded
	for result, err := range client.Upload(context.Background(), hacarus.UploadRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("testdata/plates/train/T-001.jpg"), hacarus.FileFromBytes("notes.png", []byte("not an image")),
		},
		Training: true,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		if result.Err != nil {
			refused = append(refused, result)
		}
	}
	for _, result := range refused {
		fmt.Println(result.Index, result.File, errors.Is(result.Err, hacarus.ErrBadRequest))
	}
	// Output: 1 notes.png true
}

// After a shift, list the files that have no verdict yet.
func ExampleJournalEntry() {
	open := func(entries []hacarus.JournalEntry) (files []string) {
		for _, entry := range entries {
			if entry.Step != "done" {
				files = append(files, entry.File+": "+entry.Step)
			}
		}
		return files
	}
	fmt.Println(open([]hacarus.JournalEntry{
		{File: "plate-1.png", Step: "done", Verdict: hacarus.VerdictOK}, {File: "plate-2.png", Step: "predicting"},
	}))
	// Output: [plate-2.png: predicting]
}

// A journal has one owner at a time.
func ExampleErrJournalLocked() {
	folder, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "line.journal")
	store, err := hacarus.NewFileJournal(path)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()

	if _, err = hacarus.NewFileJournal(path); errors.Is(err, hacarus.ErrJournalLocked) {
		fmt.Println("the line is being inspected already")
	}
	// Output: the line is being inspected already
}

// A prediction that has failed in the service tells nobody: its assessment does
// not come.
func ExampleErrNoAssessment() {
	server := hacarustest.NewServer(hacarustest.WithPredictionTime(24 * time.Hour))
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.AddModel(hacarus.Model{Name: "plates"})

	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")},
		Grace: 100 * time.Millisecond,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Verdict, errors.Is(result.Err, hacarus.ErrNoAssessment))
	}
	// Output: unknown true
}
