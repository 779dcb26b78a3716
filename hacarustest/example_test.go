package hacarustest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// isGood is a function of your program that you want to test.
func isGood(ctx context.Context, client *hacarus.Client, id string) (bool, error) {
	item, err := client.GetItem(ctx, id, &hacarus.GetItemOptions{ShowAssessments: new(true)})
	if err != nil {
		return false, err
	}
	return item.Verdict("") == hacarus.VerdictOK, nil
}

// A test of a program begins with what the service is to have.
func ExampleNewServer() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{
		ItemID:      "plate-0003",
		Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelOK}},
	})

	fmt.Println(isGood(context.Background(), server.Client(), "plate-0003"))
	// Output: true <nil>
}

// Things go wrong with the next requests of an operation, one by one.
func ExampleServer_Inject() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003", Assessments: []hacarus.Assessment{{Label: hacarus.LabelOK}}})
	server.Inject("getItemById",
		hacarustest.Status(http.StatusServiceUnavailable, nil, "{}"),
		hacarustest.Garbage(),
		hacarustest.Truncated(20),
	)
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	fmt.Println(isGood(context.Background(), client, "plate-0003"))
	fmt.Println("requests:", len(server.Calls("getItemById")))
	// Output:
	// true <nil>
	// requests: 4
}

// A service that is busy more often than the program has patience.
func ExampleRepeat() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getItemById", hacarustest.Repeat(3, hacarustest.Status(http.StatusTooManyRequests, nil, "{}"))...)
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 3, MinWait: time.Millisecond}))

	_, err := isGood(context.Background(), client, "plate-0003")
	fmt.Println(errors.Is(err, hacarus.ErrRateLimited))
	// Output: true
}

// The ledger shows what the service has done, whether or not its response
// arrived.
func ExampleServer_Executions() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("predictItems",
		hacarustest.ResetConnection().Before(), // the connection breaks, and nothing was done
		hacarustest.ResetConnection(),          // it breaks when all was done
	)
	client := server.Client()

	for range 2 {
		_, err := client.PredictItems(context.Background(), "plates", "plate-0003")
		fmt.Println(errors.Is(err, hacarus.ErrOutcomeUnknown), server.Executions("predictItems"))
	}
	// Output:
	// true 0
	// true 1
}

// What a program has asked for.
func ExampleServer_Calls() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	_, _ = client.ListItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Count: 50})
	for _, call := range server.Calls("getItemsByType") {
		fmt.Println(call.Method, call.Path, call.Query.Encode(), call.StatusCode)
	}
	// Output: GET /api/v1/items/ count=50&item_type=training 200
}

// Time passes when a test says so.
func ExampleServer_Advance() {
	server := hacarustest.NewServer(hacarustest.WithTrainingTime(3 * time.Hour))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files:    []hacarus.File{hacarus.FileFromPath("../testdata/plates/train/T-001.jpg")},
		Training: true,
		Good:     new(true),
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Train(ctx, "PM", hacarus.TrainRequest{ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(model.Status)
	server.Advance(3 * time.Hour)
	model, err = client.WaitForModel(ctx, model.ModelID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Status)
	// Output:
	// creating
	// active
}

// Tokens that end while a program runs: the client gets new ones by itself.
func ExampleServer_RevokeTokens() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	for range 2 {
		if _, err := client.GetHashID(context.Background()); err != nil {
			log.Fatal(err)
		}
		server.RevokeTokens()
	}
	fmt.Println("logins:", server.Executions("login"))
	// Output: logins: 2
}

// Without a port: what sends requests reaches this server, and nothing else.
func ExampleServer_Transport() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithHTTPClient(&http.Client{Transport: server.Transport()}))

	_, err := client.GetHashID(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// On all addresses of the computer, so that other computers can reach it, and on
// a free port. A port that stays the same is ":8080".
func ExampleWithAddr() {
	server := hacarustest.NewServer(hacarustest.WithAddr(":0"))
	defer server.Close()

	fmt.Println(strings.HasPrefix(server.URL, "http://127.0.0.1:"))
	// Output: true
}

// Credentials that a program has in its settings already.
func ExampleWithClient() {
	server := hacarustest.NewServer(hacarustest.WithClient("line-7", "the secret of line 7"))
	defer server.Close()
	client, err := hacarus.New(server.URL, hacarus.WithCredentials("line-7", "the secret of line 7"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.ListModels(context.Background(), nil)
	fmt.Println(err)
	// Output: <nil>
}

// The API behind a server of one's own, here with TLS.
func ExampleServer_Handler() {
	server := hacarustest.NewServer()
	defer server.Close()
	secure := httptest.NewTLSServer(server.Handler())
	defer secure.Close()
	client, err := hacarus.New(secure.URL,
		hacarus.WithCredentials(server.ClientID, server.ClientSecret),
		hacarus.WithHTTPClient(secure.Client()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	item := server.AddItem(hacarus.Item{ItemID: "plate-0003"}, []byte("the content of the file"))

	served, err := client.GetItem(context.Background(), item.ItemID, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(served.Images[0].URL, secure.URL))
	// Output: true
}

// brightness calls dark images NG.
func brightness(_ context.Context, img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	r, g, b, _ := img.At(img.Bounds().Min.X, img.Bounds().Min.Y).RGBA()
	score := 1 - float64(r+g+b)/(3*0xffff)
	return hacarustest.Finding{NG: score > p.Float("threshold", 0.9), Score: score}, nil
}

// Verdicts by rules of your own, where a test needs certain ones.
func ExampleWithInspector() {
	server := hacarustest.NewServer(hacarustest.WithInspector(hacarustest.InspectorFunc(brightness)))
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		ModelID: "plates",
		Files:   []hacarus.File{hacarus.FileFromPath("../testdata/plates/inspect/OK-01.jpg")},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Verdict)
	}
	// Output: OK
}

// A callback that comes twice, and another that never comes.
func ExampleRepeatedCallback() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject(hacarustest.Callback, hacarustest.RepeatedCallback(1), hacarustest.MissedCallback())
	client := server.Client()
	ctx := context.Background()
	called := make(chan string)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Print(err)
		}
		called <- fmt.Sprint(r.Method, " ", len(body) > 0)
	}))
	defer receiver.Close()

	_, err := client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{URL: receiver.URL, Method: hacarus.CallbackPost})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		if _, err := client.PredictItems(ctx, "plates", "plate-0003"); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(<-called)
	fmt.Println(<-called)
	// Output:
	// POST true
	// POST true
}

// Options win over those of the server, such as its credentials.
func ExampleServer_Client() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithCredentials(server.ClientID, "a secret of last year"))

	_, err := client.ListModels(context.Background(), nil)
	fmt.Println(errors.Is(err, hacarus.ErrUnauthorized))
	// Output: true
}

// A server waits for no training when it closes, and closes its clients too.
func ExampleServer_Close() {
	server := hacarustest.NewServer(hacarustest.WithTrainingTime(3 * time.Hour))
	client := server.Client()
	ctx := context.Background()
	if _, err := client.Train(ctx, "PM", hacarus.TrainRequest{}); err != nil {
		log.Fatal(err)
	}
	server.Close()

	_, err := client.ListModels(ctx, nil)
	fmt.Println(errors.Is(err, hacarus.ErrInvalidArgument))
	// Output: true
}

// What a test did to prepare does not count.
func ExampleServer_ResetCalls() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	if _, err := client.SetDefaultInspectionTarget(ctx, 1); err != nil {
		log.Fatal(err)
	}
	server.ResetCalls()

	if _, err := client.ListModels(ctx, nil); err != nil {
		log.Fatal(err)
	}
	for _, call := range server.Calls("") {
		fmt.Println(call.Operation)
	}
	// Output: getModels
}

// A kind of product, under the next id.
func ExampleServer_AddTarget() {
	server := hacarustest.NewServer()
	defer server.Close()
	gears := server.AddTarget(hacarus.InspectionTarget{Name: "gear wheels"})
	client := server.Client()

	target, err := client.GetInspectionTarget(context.Background(), gears.TargetID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(target.TargetID, target.Name)
	// Output: 2 gear wheels
}

// An algorithm that the documentation does not know, with a parameter. A value
// that is out of its range makes a training fail.
func ExampleServer_AddAlgorithm() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddAlgorithm(hacarus.Algorithm{AlgorithmID: "EDGES", Parameters: []hacarus.AlgorithmParameter{
		{AlgorithmParameterID: 300, Name: "threshold", DataType: "float", Value: "0.1", RangeLower: "0", RangeUpper: "1"},
	}})
	client := server.Client()

	_, err := client.TrainAndWait(context.Background(), "EDGES", hacarus.TrainRequest{
		OverrideParams: []hacarus.OverrideParam{{AlgorithmParameterID: 300, Value: "1.5"}},
	}, hacarus.WithPollInterval(time.Millisecond, time.Millisecond))
	fmt.Println(errors.Is(err, hacarus.ErrTrainingFailed))
	// Output: true
}

// A model whose training has failed: the program should say why.
func ExampleServer_AddModel() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates", Status: hacarus.ModelStatusFailed, StatusText: "Too few images"})
	client := server.Client()

	_, err := client.WaitForModel(context.Background(), "plates")
	var failed *hacarus.TrainingError
	if errors.As(err, &failed) {
		fmt.Println(failed.Model.StatusText)
	}
	// Output: Too few images
}

// A product that a model calls good and a person calls bad, with its image.
func ExampleServer_AddItem() {
	server := hacarustest.NewServer()
	defer server.Close()
	photograph, err := os.ReadFile("../testdata/plates/inspect/NG-01-scratch.jpg")
	if err != nil {
		log.Fatal(err)
	}
	item := server.AddItem(hacarus.Item{
		ItemID:         "plate-0004",
		Assessments:    []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelOK}},
		UserAssessment: &hacarus.UserAssessment{Label: hacarus.LabelNG},
	}, photograph)

	fmt.Println(item.Status, item.Images[0].Width, item.Images[0].Height)
	served, err := server.Client().GetItem(context.Background(), "plate-0004", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(served.Verdict("plates"))
	// Output:
	// done 256 192
	// NG
}

// Without a license, the service answers reads but does no work.
func ExampleWithoutLicense() {
	server := hacarustest.NewServer(hacarustest.WithoutLicense())
	defer server.Close()
	client := server.Client()
	ctx := context.Background()

	_, err := client.ListAlgorithms(ctx)
	fmt.Println(err)
	_, err = client.Train(ctx, "PM", hacarus.TrainRequest{})
	fmt.Println(errors.Is(err, hacarus.ErrLicense))
	// Output:
	// <nil>
	// true
}

// Tokens run out while a program has nothing to ask. The client logs in again.
func ExampleWithTokenLifetime() {
	server := hacarustest.NewServer(hacarustest.WithTokenLifetime(time.Hour))
	defer server.Close()
	client := server.Client()

	for range 3 {
		if _, err := client.ListModels(context.Background(), nil); err != nil {
			log.Fatal(err)
		}
		server.Advance(time.Hour)
	}
	fmt.Println("logins:", server.Executions("login"))
	// Output: logins: 3
}

// A training of three hours, which pass while the program waits for it.
func ExampleWithTrainingTime() {
	server := hacarustest.NewServer(hacarustest.WithTrainingTime(3 * time.Hour))
	defer server.Close()
	var plate bytes.Buffer
	if err := png.Encode(&plate, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		log.Fatal(err)
	}
	server.AddItem(hacarus.Item{IsTrainingData: true}, plate.Bytes())
	client := server.Client()

	model, err := client.TrainAndWait(context.Background(), "PM", hacarus.TrainRequest{},
		hacarus.WithPollInterval(time.Millisecond, time.Millisecond),
		hacarus.WithProgress(func(hacarus.WaitProgress) { server.Advance(time.Hour) }))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Status, *model.TrainingTime >= 3*60*60)
	// Output: active true
}

// A prediction of one minute, which passes while the program waits for it.
func ExampleWithPredictionTime() {
	server := hacarustest.NewServer(hacarustest.WithPredictionTime(time.Minute))
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	client := server.Client()
	ctx := context.Background()

	if _, err := client.PredictItems(ctx, "plates", "plate-0003"); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, "plates", []string{"plate-0003"},
		hacarus.WithPollInterval(time.Millisecond, time.Millisecond),
		hacarus.WithProgress(func(hacarus.WaitProgress) { server.Advance(time.Minute) })) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ItemID, item.Verdict("plates"))
	}
	// Output: plate-0003 OK
}

// A proxy refuses two images at a time. An inspection sends them one by one then.
func ExampleWithUploadLimit() {
	server := hacarustest.NewServer(hacarustest.WithUploadLimit(10_000))
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		Files: []hacarus.File{
			hacarus.FileFromPath("../testdata/plates/inspect/OK-01.jpg"),
			hacarus.FileFromPath("../testdata/plates/inspect/OK-02.jpg"),
		},
		Wait: []hacarus.WaitOption{hacarus.WithPollInterval(time.Millisecond, time.Millisecond)},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Verdict)
	}
	fmt.Println("uploads:", len(server.Calls("addItem")), "done:", server.Executions("addItem"))
	// Output:
	// OK
	// OK
	// uploads: 3 done: 2
}

// A server closes a connection that is not used. The SDK's own transport does
// so after 1.5 seconds, before most servers do.
func ExampleWithKeepAlive() {
	server := hacarustest.NewServer(hacarustest.WithKeepAlive(time.Millisecond))
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: hacarus\r\n\r\n"); err != nil {
		log.Fatal(err)
	}

	answer, err := io.ReadAll(conn) // to the end of the connection
	fmt.Println(strings.HasPrefix(string(answer), "HTTP/1.1 404 "), err)
	// Output: true <nil>
}

// Callbacks go where a test wants to have them: with this transport, any host
// below example.com is the receiver.
func ExampleWithCallbackTransport() {
	called := make(chan string)
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.Host + r.URL.Path }))
	defer receiver.Close()
	server := hacarustest.NewServer(hacarustest.WithCallbackTransport(receiver.Client().Transport))
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	client := server.Client()
	ctx := context.Background()

	_, err := client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{URL: "https://line7.example.com/done", Method: hacarus.CallbackPost})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.PredictItems(ctx, "plates", "plate-0003"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-called)
	// Output: line7.example.com/done
}

// A value of the program wins over the fallback, if it is a number.
func ExampleParameters_Float() {
	p := hacarustest.Parameters{"threshold": "0.25", "min_detected_area": "large"}
	fmt.Println(p.Float("threshold", 0.1), p.Float("min_detected_area", 0), p.Float("anomaly_range", 1))
	// Output: 0.25 0 1
}

// The service writes the height first.
func ExampleParameters_Pair() {
	p := hacarustest.Parameters{"min_inspection_size": "[16, 32]", "min_inspection_step": "4"}
	width, height := p.Pair("min_inspection_size", 8)
	fmt.Println(width, height)
	fmt.Println(p.Pair("min_inspection_step", 8))
	fmt.Println(p.Pair("ignore_outer", 0))
	// Output:
	// 32 16
	// 4 4
	// 0 0
}

// Reconstructor by itself, without a server. It learns a pattern from two images in a
// few rounds, finds it again in a third, and finds the hole in a fourth.
func ExampleReconstructor_Train() {
	weave := func(shift int) *image.Gray {
		img := image.NewGray(image.Rect(0, 0, 96, 72))
		for y := range 72 {
			for x := range 96 {
				img.SetGray(x, y, color.Gray{Y: uint8(100 + 5*((x+shift)%6) + 5*(y%4))})
			}
		}
		return img
	}
	good, bad := weave(2), weave(3)
	draw.Draw(bad, image.Rect(40, 30, 56, 46), image.Black, image.Point{}, draw.Src)

	ctx := context.Background()
	inspector, err := hacarustest.Reconstructor{}.Train(ctx, []image.Image{weave(0), weave(1)}, hacarustest.Parameters{hacarus.ParamMaxIter: "5", hacarus.ParamTrainSize: "1000"})
	if err != nil {
		log.Fatal(err)
	}
	for _, img := range []image.Image{good, bad} {
		finding, err := inspector.Inspect(ctx, img, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(finding.NG, len(finding.Defects))
	}
	// Output:
	// false 0
	// true 1
}

// Pattern Matching by itself, without a server: it learns from a gray plate, and
// finds a white spot on another.
func ExamplePatternMatching_Train() {
	good, bad := image.NewGray(image.Rect(0, 0, 40, 30)), image.NewGray(image.Rect(0, 0, 40, 30))
	draw.Draw(good, good.Bounds(), image.NewUniform(color.Gray{Y: 100}), image.Point{}, draw.Src)
	draw.Draw(bad, bad.Bounds(), good, image.Point{}, draw.Src)
	draw.Draw(bad, image.Rect(20, 10, 30, 20), image.White, image.Point{}, draw.Src)

	ctx := context.Background()
	inspector, err := hacarustest.PatternMatching{}.Train(ctx, []image.Image{good}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, img := range []image.Image{good, bad} {
		finding, err := inspector.Inspect(ctx, img, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(finding.NG, len(finding.Defects))
	}
	// Output:
	// false 0
	// true 1
}

// Local Pattern Inspection by itself, without a server. Where in the heat map it is
// bright, the image looks unlike the good one.
func ExampleLocalPattern_Train() {
	good, bad := image.NewGray(image.Rect(0, 0, 80, 60)), image.NewGray(image.Rect(0, 0, 80, 60))
	draw.Draw(good, good.Bounds(), image.NewUniform(color.Gray{Y: 100}), image.Point{}, draw.Src)
	draw.Draw(bad, bad.Bounds(), good, image.Point{}, draw.Src)
	draw.Draw(bad, image.Rect(20, 20, 36, 36), image.White, image.Point{}, draw.Src)

	ctx := context.Background()
	inspector, err := hacarustest.LocalPattern{}.Train(ctx, []image.Image{good}, nil)
	if err != nil {
		log.Fatal(err)
	}
	finding, err := inspector.Inspect(ctx, bad, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(finding.NG, finding.HeatMap.Bounds(), finding.HeatMap.At(6, 6), finding.HeatMap.At(18, 13))
	// Output: true (0,0)-(20,15) {255} {0}
}

// Pattern Sample Inspection by itself, without a server. A plate that is turned is as
// good as one that is not.
func ExamplePatternSample_Train() {
	plate := func(scratched bool) *image.Gray {
		img := image.NewGray(image.Rect(0, 0, 160, 120))
		draw.Draw(img, image.Rect(30, 30, 130, 90), image.NewUniform(color.Gray{Y: 150}), image.Point{}, draw.Src)
		for x := range 60 {
			if scratched && x%8 < 4 {
				draw.Draw(img, image.Rect(50+x, 50, 51+x, 66), image.White, image.Point{}, draw.Src)
			}
		}
		return img
	}
	good, turned := plate(false), image.NewGray(image.Rect(0, 0, 120, 160))
	for y := range 160 {
		for x := range 120 {
			turned.Set(x, y, good.At(y, 119-x))
		}
	}
	ctx := context.Background()
	inspector, err := hacarustest.PatternSample{}.Train(ctx, []image.Image{good, good}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, img := range []image.Image{turned, plate(true)} {
		finding, err := inspector.Inspect(ctx, img, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(finding.NG)
	}
	// Output:
	// false
	// true
}

// darkest is an inspector that has nothing to learn.
var darkest hacarustest.InspectorFunc = func(_ context.Context, img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	at := img.Bounds().Min
	if gray := color.GrayModel.Convert(img.At(at.X, at.Y)).(color.Gray); float64(gray.Y) >= p.Float("threshold", 100) {
		return hacarustest.Finding{}, nil
	}
	return hacarustest.Finding{NG: true, Score: 1, Defects: []hacarustest.Defect{{Box: image.Rect(0, 0, 1, 1), Area: 1}}}, nil
}

// An inspector can be called without a server, with parameters for one image.
func ExampleInspectorFunc_Inspect() {
	img := image.NewGray(image.Rect(0, 0, 4, 4))
	img.SetGray(0, 0, color.Gray{Y: 60})
	for _, p := range []hacarustest.Parameters{nil, {"threshold": "50"}} {
		finding, err := darkest.Inspect(context.Background(), img, p)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(finding.NG, len(finding.Defects))
	}
	// Output:
	// true 1
	// false 0
}

// A function is a trainer, too, that makes nothing of the images.
func ExampleInspectorFunc_Train() {
	var trainer hacarustest.Trainer = darkest
	inspector, err := trainer.Train(context.Background(), nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	finding, err := inspector.Inspect(context.Background(), image.NewGray(image.Rect(0, 0, 4, 4)), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(finding.NG)
	// Output: true
}

// sizes is a trainer of your own: it learns the size of the good images.
type sizes struct{}

func (sizes) Train(_ context.Context, good []image.Image, _ hacarustest.Parameters) (hacarustest.Inspector, error) {
	if len(good) == 0 {
		return nil, errors.New("no images to learn from")
	}
	size := good[0].Bounds().Size()
	return hacarustest.InspectorFunc(func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
		return hacarustest.Finding{NG: img.Bounds().Size() != size}, nil
	}), nil
}

// A trainer learns from images what an inspector needs to know.
func ExampleTrainer() {
	var trainer hacarustest.Trainer = sizes{}
	var inspector hacarustest.Inspector
	inspector, err := trainer.Train(context.Background(), []image.Image{image.NewGray(image.Rect(0, 0, 4, 4))}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, width := range []int{4, 5} {
		var finding hacarustest.Finding
		if finding, err = inspector.Inspect(context.Background(), image.NewGray(image.Rect(0, 0, width, 4)), nil); err != nil {
			log.Fatal(err)
		}
		fmt.Println(width, "wide:", finding.NG)
	}
	// Output:
	// 4 wide: false
	// 5 wide: true
}

// A defect has the smallest box around it, and the number of its own pixels.
func ExampleDefect() {
	scratch := hacarustest.Defect{Box: image.Rect(10, 10, 20, 12), Area: 12}
	finding := hacarustest.Finding{NG: true, Score: 0.6, Defects: []hacarustest.Defect{scratch}}
	fmt.Println(finding.Defects[0].Box.Size(), finding.Defects[0].Area)
	// Output: (10,2) 12
}

// The ledger tells of requests that were refused apart from those that did something.
func ExampleCall() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	server.Inject("getInspectionTargets", hacarustest.Status(http.StatusServiceUnavailable, nil, "{}"))
	if _, err := client.ListInspectionTargets(context.Background()); err != nil {
		log.Fatal(err)
	}
	show := func(c hacarustest.Call) { fmt.Println(c.Method, c.Path, c.StatusCode, c.Executed) }
	for _, call := range server.Calls("getInspectionTargets") {
		show(call)
	}
	// Output:
	// GET /api/v1/targets/ 503 false
	// GET /api/v1/targets/ 200 true
}

func ExampleWithData() {
	dir, err := os.MkdirTemp("", "hacarustest-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	server := hacarustest.NewServer(hacarustest.WithData(dir))
	model := server.AddModel(hacarus.Model{Name: "plates"})
	server.Close()

	server = hacarustest.NewServer(hacarustest.WithData(dir)) // after a restart
	defer server.Close()
	kept, err := server.Client().GetModel(context.Background(), model.ModelID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(kept.Name)
	// Output: plates
}
