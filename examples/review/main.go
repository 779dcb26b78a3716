// Command review shows a person the images that a model has found NG, with the defects
// marked, and writes to the service what the person says of them, once.
//
//	go run ./examples/review -model ID -name "H. Tanaka"
//
// Without an account in the environment, a stand-in with one plate is the service.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"log"
	"os"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/overlay"
)

var modelID = flag.String("model", hacarus.ActiveModel, "`ID` of the model whose verdicts are reviewed (default: any)")
var name = flag.String("name", cmp.Or(os.Getenv("USER"), "somebody"), "who reviews")

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client, err := connect()
	if err != nil {
		return err
	}
	defer client.Close()
	var ng []string
	for item, err := range client.AllItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}) {
		if err != nil {
			return err
		}
		if item.Verdict(*modelID) == hacarus.VerdictNG && item.UserAssessment == nil {
			ng = append(ng, item.ItemID)
		}
	}
	answers := bufio.NewScanner(os.Stdin)
	for _, id := range ng {
		item, picture, err := draw(ctx, client, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		fmt.Printf("%s, in %s: a defect? [y, n, or Enter to leave it] ", id, picture)
		if !answers.Scan() {
			return answers.Err()
		}
		verdict := map[string]string{"y": "NG", "n": "OK"}[answers.Text()]
		if verdict == "" {
			continue
		}
		if err := client.AnnotateItem(ctx, id, judge(item, verdict)...); err != nil {
			return fmt.Errorf("%s: %w", id, err) // if the outcome is unknown, look before you repeat it
		}
	}
	return nil
}

// judge puts a verdict into annotations. No operation sets a person's OK or NG, so the
// notes tell it; the defects are in the boxes of the model.
func judge(item *hacarus.Item, verdict string) []hacarus.RequestAnnotation {
	judgement := []hacarus.RequestAnnotation{{Notes: verdict + ", says " + *name}}
	if a := item.Assessment(*modelID); a != nil && verdict == "NG" {
		for _, defect := range a.Annotations {
			if box, ok := defect.Rect(); ok {
				judgement = append(judgement, hacarus.RequestAnnotation{XMin: &box.Min.X, YMin: &box.Min.Y, XMax: &box.Max.X, YMax: &box.Max.Y})
			}
		}
	}
	return judgement
}

// draw fetches an item, since the URLs of a list get old, and draws it into a file.
func draw(ctx context.Context, client *hacarus.Client, id string) (item *hacarus.Item, path string, err error) {
	item, err = client.GetItem(ctx, id, nil)
	if err != nil {
		return nil, "", err
	}
	download, err := client.GetImage(ctx, cmp.Or(item.Images...))
	if err != nil {
		return nil, "", err
	}
	defer download.Close()
	picture, err := overlay.Decode(download)
	if err != nil {
		return nil, "", err
	}
	file, err := os.CreateTemp("", "review-*.png")
	if err != nil {
		return nil, "", err
	}
	marked := overlay.Draw(picture, overlay.FindingsOf(item, *modelID, picture))
	return item, file.Name(), errors.Join(png.Encode(file, marked), file.Close())
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect() (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		plate, err := os.ReadFile("testdata/plates/inspect/NG-03-dent.jpg")
		dent := hacarus.Annotation{XMin: new(176.0), YMin: new(108.0), XMax: new(198.0), YMax: new(130.0)}
		found := hacarus.Assessment{ModelID: "plates", Label: hacarus.LabelNG, Annotations: []hacarus.Annotation{dent}}
		service := hacarustest.NewServer()
		service.AddItem(hacarus.Item{ItemID: "NG-03-dent", Assessments: []hacarus.Assessment{found}}, plate)
		return service.Client(), err
	}
	return hacarus.NewFromEnv(hacarus.WithUserAgent("review-example"))
}
