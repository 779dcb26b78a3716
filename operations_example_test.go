package hacarus_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// Other methods log in by themselves; this checks the credentials early.
func ExampleClient_Login() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	token, err := client.Login(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type(), time.Until(token.Expiry).Round(time.Hour))
	// Output: Bearer 720h0m0s
}

// The kinds of products that the service inspects.
func ExampleClient_ListInspectionTargets() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddTarget(hacarus.InspectionTarget{TargetID: 7, Name: "gear wheels"})
	client := server.Client()

	targets, err := client.ListInspectionTargets(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, target := range targets {
		if target.TargetID == 7 {
			fmt.Println(target.Name)
		}
	}
	// Output: gear wheels
}

// One kind of product, with what is done to its images before.
func ExampleClient_GetInspectionTarget() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddTarget(hacarus.InspectionTarget{
		TargetID:      7,
		Name:          "gear wheels",
		Preprocessing: []hacarus.Preprocessing{{Name: "resize", Active: new(true)}},
	})
	client := server.Client()

	target, err := client.GetInspectionTarget(context.Background(), 7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(target.Name, target.Preprocessing[0].Name)
	// Output: gear wheels resize
}

// From now on the service works for another kind of product.
func ExampleClient_SetDefaultInspectionTarget() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddTarget(hacarus.InspectionTarget{TargetID: 7, Name: "gear wheels"})
	client := server.Client()

	target, err := client.SetDefaultInspectionTarget(context.Background(), 7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(target.TargetID, target.Name)
	// Output: 7 gear wheels
}

// A table of all verdicts of a model, as the service writes it.
func ExampleClient_GetModelResults() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	table, err := client.GetModelResults(context.Background(), "plates")
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	content, err := io.ReadAll(table)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(content) > 0, err)
	// Output: true <nil>
}

// The methods that models can be trained with.
func ExampleClient_ListAlgorithms() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	algorithms, err := client.ListAlgorithms(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, algorithm := range algorithms {
		if algorithm.Name == hacarus.AlgorithmPatternMatching {
			fmt.Println("train with", algorithm.AlgorithmID)
		}
	}
	// Output: train with PM
}

// Train takes an algorithm's id, which may be another on another service. Its
// name is the same.
func ExampleClient_FindAlgorithm() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "master", IsTrainingData: true})
	client := server.Client()
	ctx := context.Background()

	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmPatternMatching)
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Train(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "plates"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(algorithm.AlgorithmID, model.Name, model.Status)
	// Output: PM plates creating
}

// The parameters of an algorithm, with their defaults and ranges.
func ExampleClient_GetAlgorithm() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	algorithm, err := client.GetAlgorithm(context.Background(), "PM")
	if err != nil {
		log.Fatal(err)
	}
	for _, parameter := range algorithm.Parameters {
		if parameter.Name == "threshold" {
			fmt.Println(parameter.DataType, parameter.Value)
		}
	}
	// Output: float 0.1
}

// Upload good products, and train a model from them. TrainAndWait waits for it, too.
func ExampleClient_Train() {
	server := hacarustest.NewServer(hacarustest.WithTrainingTime(time.Hour))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()

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
	model, err := client.Train(ctx, "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Name, model.Status) // training goes on in the background
	// Output: plates creating
}

// The models of one algorithm that can be used.
func ExampleClient_ListModels() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates", AlgorithmID: "PM"})
	server.AddModel(hacarus.Model{ModelID: "gears", AlgorithmID: "PM", Status: hacarus.ModelStatusFailed})
	client := server.Client()

	models, err := client.ListModels(context.Background(), &hacarus.ListModelsOptions{AlgorithmID: "PM"})
	if err != nil {
		log.Fatal(err)
	}
	for _, model := range models {
		if model.Status == hacarus.ModelStatusActive {
			fmt.Println(model.ModelID)
		}
	}
	// Output: plates
}

// How far a training is.
func ExampleClient_GetModel() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates", Name: "plates of line 7", Status: hacarus.ModelStatusCreating})
	client := server.Client()

	model, err := client.GetModel(context.Background(), "plates")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Name, model.Status, model.Status.IsTerminal())
	// Output: plates of line 7 creating false
}

// Remove models that are used no more.
func ExampleClient_DeleteModels() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates-2025"})
	server.AddModel(hacarus.Model{ModelID: "plates-2026"})
	client := server.Client()

	deleted, err := client.DeleteModels(context.Background(), "plates-2025")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deleted)
	// Output: [plates-2025]
}

// Move a model from one service to another.
func ExampleClient_ExportModels() {
	here, there := hacarustest.NewServer(), hacarustest.NewServer()
	defer here.Close()
	defer there.Close()
	here.AddModel(hacarus.Model{ModelID: "plates", Name: "plates of line 7"})
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "models")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "models.zip")

	archive, err := here.Client().ExportModels(ctx, "plates")
	if err != nil {
		log.Fatal(err)
	}
	if err := archive.SaveFile(file); err != nil {
		log.Fatal(err)
	}
	models, err := there.Client().ImportModels(ctx, hacarus.FileFromPath(file))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(models[0].Name)
	// Output: plates of line 7
}

// An archive of models that another service has exported.
func ExampleClient_ImportModels() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates", Name: "plates of line 7"})
	client := server.Client()
	ctx := context.Background()
	archive, err := client.ExportModels(ctx, "plates")
	if err != nil {
		log.Fatal(err)
	}
	var content bytes.Buffer
	if _, err := archive.WriteTo(&content); err != nil {
		log.Fatal(err)
	}

	models, err := client.ImportModels(ctx, hacarus.FileFromBytes("models.zip", content.Bytes()))
	switch {
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		fmt.Println("they may be there: look at ListModels before trying again")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println(models[0].Name)
	}
	// Output: plates of line 7
}

// Let more pass as OK, without training again.
func ExampleClient_SetPredictParameters() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	set, err := client.SetPredictParameters(context.Background(), "plates", hacarus.PredictParameters{Threshold: new(0.25)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*set.Threshold)
	// Output: 0.25
}

// Have the service call a URL after each prediction; see CallbackReceiver.
func ExampleClient_SetPredictCallback() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	set, err := client.SetPredictCallback(context.Background(), "plates", hacarus.PredictCallback{
		URL:    "https://line7.example.com/hacarus/kq7zv2m4x6t5w3yr", // the end of it is a secret
		Method: hacarus.CallbackPost,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.Method)
	// Output: post
}

// Start a prediction of items that are there; WaitForItems waits for its verdicts.
func ExampleClient_PredictItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	client := server.Client()

	started, err := client.PredictItems(context.Background(), "plates", "plate-0003")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(started.ItemIDs)
	// Output: [plate-0003]
}

// One page of items, for a program that shows pages.
func ExampleClient_ListItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	for range 120 {
		server.AddItem(hacarus.Item{IsTrainingData: true})
	}
	client := server.Client()

	page, err := client.ListItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Count: 50, Page: 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("page %d of %d: %d items\n", page.CurrentPage, page.EndPage, len(page.Items))
	// Output: page 3 of 3: 20 items
}

// All items, page by page while the range runs.
func ExampleClient_AllItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003", Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelOK}}})
	server.AddItem(hacarus.Item{ItemID: "plate-0004", Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelNG}}})
	client := server.Client()

	for item, err := range client.AllItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}) {
		if err != nil {
			log.Fatal(err) // always the last thing of the range
		}
		fmt.Println(item.ItemID, item.Verdict("plates"))
	}
	// Unordered output:
	// plate-0003 OK
	// plate-0004 NG
}

// Upload products, from wherever their images are, and start their prediction
// with the active model. Inspect does both, and waits for the verdicts.
func ExampleClient_AddItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()
	ctx := context.Background()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg"),
			hacarus.FileFromFS(os.DirFS("testdata"), "plates/inspect/OK-02.jpg"),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.PredictItems(ctx, hacarus.ActiveModel, ids...); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	// Output: [OK-01 OK-02]
}

// An upload whose reply was lost may have been executed. It is not repeated
// blindly: look for its items first.
func ExampleClient_AddItems_outcomeUnknown() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("addItem", hacarustest.ResetConnection()) // it is executed, and its reply is lost
	client := server.Client()
	ctx := context.Background()

	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")},
	})
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
	fmt.Println(ids, server.Executions("addItem"))
	// Output: [OK-01] 1
}

// Remove items whose images need not be kept.
func ExampleClient_DeleteItems() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	client := server.Client()
	ctx := context.Background()

	if err := client.DeleteItems(ctx, "plate-0003"); err != nil {
		log.Fatal(err)
	}
	_, err := client.GetItem(ctx, "plate-0003", nil)
	fmt.Println(errors.Is(err, hacarus.ErrNotFound))
	// Output: true
}

// Delete all items to inspect: collect the ids first, for a deletion moves the
// items behind it to pages that were read before.
func ExampleClient_DeleteItems_all() {
	server := hacarustest.NewServer()
	defer server.Close()
	for n := range 95 {
		server.AddItem(hacarus.Item{ItemID: fmt.Sprintf("plate-%04d", n)})
	}
	server.AddItem(hacarus.Item{ItemID: "master", IsTrainingData: true})
	client := server.Client()
	ctx := context.Background()

	var ids []string
	for item, err := range client.AllItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: 20}) {
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, item.ItemID)
	}
	for some := range slices.Chunk(ids, 50) {
		if err := client.DeleteItems(ctx, some...); err != nil {
			log.Fatal(err)
		}
	}

	left, err := client.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction})
	if err != nil {
		log.Fatal(err)
	}
	kept, err := client.GetItem(ctx, "master", nil)
	fmt.Println(len(ids), "deleted,", len(left.Items), "left, kept:", kept.ItemID, err)
	// Output: 95 deleted, 0 left, kept: master <nil>
}

// What a model says of an item, with the boxes of the defects.
func ExampleClient_GetItem() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0004", Assessments: []hacarus.Assessment{{
		ModelID:      "plates",
		Label:        hacarus.LabelNG,
		AnomalyScore: "0.371",
		Annotations:  []hacarus.Annotation{{XMin: new(88.0), YMin: new(53.0), XMax: new(174.0), YMax: new(87.0)}},
	}}})
	client := server.Client()

	item, err := client.GetItem(context.Background(), "plate-0004", &hacarus.GetItemOptions{
		ModelID:         "plates",
		ShowAssessments: new(true),
		ShowAnnotations: new(true),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item.Verdict("plates"))
	if assessment := item.Assessment("plates"); assessment != nil {
		score, _ := assessment.Score()
		fmt.Println(score)
		for _, defect := range assessment.Annotations {
			fmt.Println(defect.Rect())
		}
	}
	// Output:
	// NG
	// 0.371
	// (88,53)-(174,87) true
}

// The image of an item, as it was uploaded.
func ExampleClient_GetImage() {
	server := hacarustest.NewServer()
	defer server.Close()
	photograph, err := os.ReadFile("testdata/plates/inspect/OK-01.jpg")
	if err != nil {
		log.Fatal(err)
	}
	item := server.AddItem(hacarus.Item{ItemID: "plate-0003"}, photograph)
	client := server.Client()

	image, err := client.GetImage(context.Background(), item.Images[0])
	if err != nil {
		log.Fatal(err)
	}
	var content bytes.Buffer
	if _, err := image.WriteTo(&content); err != nil { // it is whole, or an error
		log.Fatal(err)
	}
	fmt.Println(image.ContentType, bytes.Equal(content.Bytes(), photograph))
	// Output: image/jpeg true
}

// A person marks what the model has missed.
func ExampleClient_AnnotateItem() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0004"})
	client := server.Client()

	err := client.AnnotateItem(context.Background(), "plate-0004", hacarus.RequestAnnotation{
		XMin: new(88), YMin: new(53), XMax: new(174), YMax: new(87),
		Notes: "a scratch",
	})
	fmt.Println(err)
	// Output: <nil>
}

// Give the service its license.
func ExampleClient_SetLicense() {
	server := hacarustest.NewServer(hacarustest.WithoutLicense())
	defer server.Close()
	client := server.Client()
	ctx := context.Background()

	_, err := client.Train(ctx, "PM", hacarus.TrainRequest{})
	fmt.Println("without one:", errors.Is(err, hacarus.ErrLicense))
	license, err := client.SetLicense(ctx, hacarus.FileFromBytes("license", []byte("the content of the file")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("it has an end:", license.LicenseExpiry != "")
	// Output:
	// without one: true
	// it has an end: true
}

// The service's logs, for its makers.
func ExampleClient_GetLogs() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	logs, err := client.GetLogs(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	var content bytes.Buffer
	if _, err := logs.WriteTo(&content); err != nil {
		log.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(content.Bytes()), int64(content.Len()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(archive.File))
	// Output: 1
}

// The id of the service's machine, which its license is made for.
func ExampleClient_GetHashID() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	id, err := client.GetHashID(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(id))
	// Output: 64
}

// A file that is not on a disk, such as what a camera has just sent.
func ExampleFileFromBytes() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	frame, err := os.ReadFile("testdata/plates/inspect/OK-01.jpg")
	if err != nil {
		log.Fatal(err)
	}

	ids, err := client.AddItems(context.Background(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromBytes("frame-000001.jpg", frame)},
	})
	fmt.Println(ids, err)
	// Output: [frame-000001] <nil>
}

// A stream can be read once only: an upload of it is never sent again, and
// names its size beforehand.
func ExampleFileFromReader() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()
	ctx := context.Background()
	archive, err := client.ExportModels(ctx, "plates")
	if err != nil {
		log.Fatal(err)
	}
	defer archive.Close()

	models, err := client.ImportModels(ctx, hacarus.FileFromReader("models.zip", archive, archive.Size))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(models))
	// Output: 1
}

// Save a download. The file is whole, or not there.
func ExampleDownload_SaveFile() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()
	folder, err := os.MkdirTemp("", "models")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	archive, err := client.ExportModels(context.Background(), "plates")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(folder, "plates.zip")
	if err := archive.SaveFile(file); err != nil {
		log.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(archive.Filename, info.Size() == archive.Size)
	// Output: models.zip true
}

// Copy a download to where it is needed. An error says that it is not whole.
func ExampleDownload_WriteTo() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.Inject("getModelResults", hacarustest.Truncated(10))
	client := server.Client()

	table, err := client.GetModelResults(context.Background(), "plates")
	if err != nil {
		log.Fatal(err)
	}
	var content strings.Builder
	n, err := table.WriteTo(&content)
	fmt.Println(n, errors.Is(err, io.ErrUnexpectedEOF))
	// Output: 10 true
}

// An image on a disk. It is opened when its turn comes, and again for another
// attempt; one that has changed in between is not sent.
func ExampleFileFromPath() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	ids, err := client.AddItems(context.Background(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromPath("testdata/plates/inspect/OK-01.jpg")},
	})
	fmt.Println(ids, err)
	// Output: [OK-01] <nil>
}

// The images of a folder, as people count them: plate-2 comes before plate-10.
func ExampleFilesFromDir() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	files, err := hacarus.FilesFromDir("testdata/plates/inspect", "OK-*.jpg")
	if err != nil {
		log.Fatal(err)
	}
	ids, err := client.AddItems(context.Background(), hacarus.AddItemsRequest{Files: files[:2]})
	fmt.Println(ids, err)
	// Output: [OK-01 OK-02] <nil>
}

// An image in any file system, such as one that is embedded in the program.
func ExampleFileFromFS() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	ids, err := client.AddItems(context.Background(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromFS(os.DirFS("testdata"), "plates/inspect/OK-01.jpg")},
	})
	fmt.Println(ids, err)
	// Output: [OK-01] <nil>
}

// A model's archive as a stream: its first bytes say that it is a zip file.
func ExampleDownload_Read() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "m1"})
	client := server.Client()
	defer client.Close()

	download, err := client.ExportModels(context.Background(), "m1")
	if err != nil {
		log.Fatal(err)
	}
	defer download.Close()
	start := make([]byte, 2)
	if _, err := io.ReadFull(download, start); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", start)
	// Output: PK
}

// A download that is no longer wanted is closed, and gives back its connection.
func ExampleDownload_Close() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()

	download, err := client.GetLogs(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if err := download.Close(); err != nil {
		log.Fatal(err)
	}
	_, err = download.WriteTo(io.Discard)
	fmt.Println(err != nil)
	// Output: true
}
