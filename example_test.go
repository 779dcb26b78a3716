package hacarus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// A client is made once, shared by all goroutines, and closed at the end.
func ExampleNew() {
	client, err := hacarus.New("https://sdd-api.hacarus.com",
		hacarus.WithCredentials(os.Getenv("LINE7_CLIENT_ID"), os.Getenv("LINE7_CLIENT_SECRET")),
		hacarus.WithUserAgent("line7-camera/1.2"),
		hacarus.WithLogger(slog.Default()),
		hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 8, MaxWait: time.Minute}),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	// Other methods log in by themselves; this checks the credentials early.
	if _, err := client.Login(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// Upload good products, and train a model from them.
func ExampleClient_Train() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("good/plate-0001.png"),
			hacarus.FileFromPath("good/plate-0002.png"),
		},
		Training: true,
		Good:     new(true),
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Train(ctx, "AE", hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.ModelID, model.Status) // creating: training goes on in the background
}

// Upload products to inspect, and start their prediction with the active model.
func ExampleClient_AddItems() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files:    []hacarus.File{hacarus.FileFromPath("plate-0003.png"), hacarus.FileFromFS(os.DirFS("camera"), "plate-0004.png")},
		Progress: func(sent, total int64) { fmt.Printf("\r%3d %%", 100*sent/max(total, 1)) },
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.PredictItems(ctx, hacarus.ActiveModel, ids...); err != nil {
		log.Fatal(err)
	}
}

// An upload whose reply was lost may have been executed. It is not repeated
// blindly: look for its items first.
func ExampleClient_AddItems_outcomeUnknown() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromPath("plate-0003.png")}})
	var lost *hacarus.RequestError
	if errors.Is(err, hacarus.ErrOutcomeUnknown) && errors.As(err, &lost) {
		for _, id := range lost.ItemIDs {
			item, err := client.GetItem(ctx, id, nil)
			switch {
			case errors.Is(err, hacarus.ErrNotFound):
				fmt.Println(id, "is not there: upload it again")
			case err != nil:
				log.Fatal(err)
			default:
				ids = append(ids, item.ItemID)
			}
		}
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
}

// One page of items, for a program that shows pages.
func ExampleClient_ListItems() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	page, err := client.ListItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Count: 50, Page: 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("page %d of %d: %d items\n", page.CurrentPage, page.EndPage, len(page.Items))
}

// All items, page by page while the range runs.
func ExampleClient_AllItems() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for item, err := range client.AllItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}) {
		if err != nil {
			log.Fatal(err) // always the last thing of the range
		}
		fmt.Println(item.ItemID, item.Verdict(""))
	}
}

// Save a model's archive. The file is whole, or not there.
func ExampleDownload_SaveFile() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	archive, err := client.ExportModels(context.Background(), "b2b99239-bdf4-5616-a531-f50546e8e32a")
	if err != nil {
		log.Fatal(err)
	}
	if err := archive.SaveFile("plates.zip"); err != nil {
		log.Fatal(err)
	}
}

// Errors tell what to do next.
func ExampleBaseError() {
	client, err := hacarus.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.PredictItems(context.Background(), hacarus.ActiveModel, "plate-0003")
	var answer *hacarus.BaseError
	switch {
	case err == nil:
		fmt.Println("started")
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		fmt.Println("it may have started: look before repeating it")
	case errors.Is(err, hacarus.ErrLicense):
		fmt.Println("the licence has run out")
	case errors.Is(err, hacarus.ErrBusy):
		fmt.Println("the service stayed busy: try again later")
	case errors.As(err, &answer):
		fmt.Println(answer.StatusCode, answer.Errors.Title, answer.RequestID)
	default:
		fmt.Println("no usable answer:", err)
	}
}

// A person's label goes before a model's, and of several assessments of one
// model the last counts.
func ExampleItem_Verdict() {
	item := hacarus.Item{
		ItemID: "plate-0003",
		Assessments: []hacarus.Assessment{
			{ModelID: "m1", Label: hacarus.LabelNG},
			{ModelID: "m2", Label: hacarus.LabelOK},
		},
	}
	fmt.Println(item.Verdict("m1"), item.Verdict("m2"), item.Verdict("m3"))
	item.UserAssessment = &hacarus.UserAssessment{Label: hacarus.LabelOK}
	fmt.Println(item.Verdict("m1"))
	// Output:
	// NG OK unknown
	// OK
}

// A defect's box as a rectangle of whole pixels.
func ExampleAnnotation_Rect() {
	defect := hacarus.Annotation{XMin: new(606.25), YMin: new(2284.0), XMax: new(619.5), YMax: new(2322.0)}
	box, ok := defect.Rect()
	fmt.Println(box, box.Size(), ok)
	// Output: (606,2284)-(620,2322) (14,38) true
}

// What the service does not accept is known before anything is sent.
func ExampleErrInvalidArgument() {
	_, err := hacarus.New("http://192.168.0.7:8080", hacarus.WithCredentials("id", "secret"))
	fmt.Println(errors.Is(err, hacarus.ErrInvalidArgument))
	// Output: true
}
