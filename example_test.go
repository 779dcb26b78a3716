package hacarus_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A client is made once, shared by all goroutines, and closed at the end.
func ExampleNew() {
	server := hacarustest.NewServer() // in place of https://sdd-api.hacarus.com
	defer server.Close()

	client, err := hacarus.New(server.URL,
		hacarus.WithCredentials(server.ClientID, server.ClientSecret),
		hacarus.WithUserAgent("line7-camera/1.2"),
		hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 8, MaxWait: time.Minute}),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	algorithms, err := client.ListAlgorithms(context.Background()) // logs in by itself
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(algorithms) > 0)
	// Output: true
}

// The URL and the credentials come from HACARUS_BASE_URL, HACARUS_CLIENT_ID and
// HACARUS_CLIENT_SECRET.
func ExampleNewFromEnv() {
	server := hacarustest.NewServer()
	defer server.Close()
	for name, value := range map[string]string{ // a service manager does this
		"HACARUS_BASE_URL":      server.URL,
		"HACARUS_CLIENT_ID":     server.ClientID,
		"HACARUS_CLIENT_SECRET": server.ClientSecret,
	} {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
		defer func() { _ = os.Unsetenv(name) }()
	}

	client, err := hacarus.NewFromEnv(hacarus.WithUserAgent("line7-camera/1.2"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.Login(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// A client keeps its credentials to itself.
func ExampleWithCredentials() {
	client, err := hacarus.New("https://sdd-api.hacarus.com", hacarus.WithCredentials("line7", "the secret"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Printf("%+v\n", client)
	// Output: hacarus.Client{https://sdd-api.hacarus.com}
}

// Tokens that another program fetches, such as a vault's agent.
func ExampleWithTokenSource() {
	server := hacarustest.NewServer()
	defer server.Close()
	token, err := server.Client().Login(context.Background())
	if err != nil {
		log.Fatal(err)
	}

	client, err := hacarus.New(server.URL, hacarus.WithTokenSource(oauth2.StaticTokenSource(token)))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.GetHashID(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// A service that is busy for a while is asked again.
func ExampleWithRetry() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getAlgorithms", hacarustest.Repeat(2, hacarustest.Status(http.StatusServiceUnavailable, nil, "{}"))...)
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{
		MaxAttempts: 3,
		MinWait:     time.Millisecond,
		MaxWait:     10 * time.Millisecond,
	}))

	_, err := client.ListAlgorithms(context.Background())
	fmt.Println(len(server.Calls("getAlgorithms")), err)
	// Output: 3 <nil>
}

// What a request was, how it ended, and how long it took: for logs and metrics.
func ExampleWithObserver() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client(hacarus.WithObserver(func(_ context.Context, attempt hacarus.Attempt) {
		fmt.Println(attempt.Operation, attempt.Method, attempt.Route, attempt.StatusCode, attempt.Duration > 0)
	}))

	if _, err := client.GetModel(context.Background(), "plates"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// login POST /api/auth/token 200 true
	// getModelById GET /api/v1/models/{model_id} 200 true
}

// Requests are logged at debug level, and at warn level where they are tried
// again. Secrets never are.
func ExampleWithLogger() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getHashId", hacarustest.Status(http.StatusServiceUnavailable, nil, "{}"))
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == "operation" || a.Key == "status") {
				return a
			}
			return slog.Attr{} // what differs from run to run, and the error
		},
	}))
	client := server.Client(hacarus.WithLogger(logger), hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	if _, err := client.GetHashID(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: level=WARN operation=getHashId status=503
}

// A transport of your own: a company's proxy, tracing, or, as here, none of the
// network.
func ExampleWithHTTPClient() {
	server := hacarustest.NewServer()
	defer server.Close()

	client, err := hacarus.New(server.URL,
		hacarus.WithCredentials(server.ClientID, server.ClientSecret),
		hacarus.WithHTTPClient(&http.Client{Transport: server.Transport()}),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.GetHashID(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// A service on hardware of your own, with its own certificate.
func ExampleWithRootCAs() {
	server := hacarustest.NewServer()
	defer server.Close()
	inside, err := url.Parse(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(inside))
	defer front.Close()
	pool := x509.NewCertPool()
	pool.AddCert(front.Certificate()) // AppendCertsFromPEM for a file

	client, err := hacarus.New(front.URL,
		hacarus.WithCredentials(server.ClientID, server.ClientSecret),
		hacarus.WithRootCAs(pool),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.GetHashID(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// A service in a network of its own, without TLS.
func ExampleWithInsecureHTTP() {
	credentials := hacarus.WithCredentials("line7", "the secret")
	_, err := hacarus.New("http://192.168.0.7:8080", credentials)
	fmt.Println(errors.Is(err, hacarus.ErrInvalidArgument))

	client, err := hacarus.New("http://192.168.0.7:8080", credentials, hacarus.WithInsecureHTTP())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client)
	// Output:
	// true
	// hacarus.Client{http://192.168.0.7:8080}
}

// Error texts for the people on the line. What kind of error it is, errors.Is
// tells in any language.
func ExampleWithLanguage() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithLanguage("ja"))

	_, err := client.GetItem(context.Background(), "plate-0003", nil)
	var answer *hacarus.BaseError
	if errors.As(err, &answer) {
		fmt.Println(answer.Errors.Title, errors.Is(err, hacarus.ErrNotFound))
	}
	// Output: item_idに一致するアイテムがありません。 true
}

// The service's logs tell which program called.
func ExampleWithUserAgent() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithUserAgent("line7-camera/1.2"))

	if _, err := client.GetHashID(context.Background()); err != nil {
		log.Fatal(err)
	}
	agent := server.Calls("getHashId")[0].Header.Get("User-Agent")
	fmt.Println(strings.HasPrefix(agent, "line7-camera/1.2 hacarus-check-go/"))
	// Output: true
}

// What the service answered, such as for a message to its makers.
func ExampleCaptureResponse() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	var info hacarus.ResponseInfo
	ctx := hacarus.CaptureResponse(context.Background(), &info)
	if _, err := client.GetHashID(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.StatusCode, info.RequestID != "", info.Attempts)
	// Output: 200 true 1
}

// Errors tell what to do next.
func ExampleBaseError() {
	server := hacarustest.NewServer(hacarustest.WithoutLicense())
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	client := server.Client()

	_, err := client.PredictItems(context.Background(), hacarus.ActiveModel, "plate-0003")
	var answer *hacarus.BaseError
	switch {
	case err == nil:
		fmt.Println("started")
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		fmt.Println("it may have started: look before repeating it")
	case errors.Is(err, hacarus.ErrLicense):
		fmt.Println("there is no license, or it has run out")
	case errors.Is(err, hacarus.ErrBusy):
		fmt.Println("the service stayed busy: try again later")
	case errors.As(err, &answer):
		fmt.Println(answer.StatusCode, answer.Errors.Title, answer.RequestID)
	default:
		fmt.Println("no usable answer:", err)
	}
	// Output: there is no license, or it has run out
}

// A call whose answer was lost. Whether the service acted is not known.
func ExampleRequestError() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("predictItems", hacarustest.ResetConnection())
	client := server.Client()

	_, err := client.PredictItems(context.Background(), "plates", "plate-0003")
	var lost *hacarus.RequestError
	if errors.As(err, &lost) {
		fmt.Println(lost.Operation, lost.Attempts, lost.Outcome == hacarus.OutcomeUnknown)
	}
	// Output: predictItems 1 true
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

// The last assessment of a model, with its score as a number.
func ExampleAssessment_Score() {
	item := hacarus.Item{Assessments: []hacarus.Assessment{
		{ModelID: "m1", AnomalyScore: "0.25"},
		{ModelID: "m1", AnomalyScore: "0.371"},
		{ModelID: "m2"},
	}}
	fmt.Println(item.Assessment("m1").Score())
	fmt.Println(item.Assessment("m2").Score())
	// Output:
	// 0.371 true
	// 0 false
}

// A model that has not assessed an item has nothing to say of it.
func ExampleItem_Assessment() {
	item := hacarus.Item{Assessments: []hacarus.Assessment{{ModelID: "m1", Label: hacarus.LabelNG}}}
	fmt.Println(item.Assessment("m1").Label, item.Assessment("m2") == nil)
	// Output: NG true
}

// Whether asking again may show another status. An unknown one may change.
func ExampleModelStatus_IsTerminal() {
	for _, status := range []hacarus.ModelStatus{hacarus.ModelStatusCreating, hacarus.ModelStatusFailed, "paused"} {
		fmt.Println(status, status.IsTerminal())
	}
	// Output:
	// creating false
	// failed true
	// paused false
}

// Done says that no prediction is waiting, and not which model has predicted.
func ExampleItemStatus_IsTerminal() {
	for _, status := range []hacarus.ItemStatus{hacarus.ItemStatusPending, hacarus.ItemStatusDone} {
		fmt.Println(status, status.IsTerminal())
	}
	// Output:
	// pending false
	// done true
}

// A closed client refuses calls before they are sent.
func ExampleClient_Close() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	if err := client.Close(); err != nil {
		log.Fatal(err)
	}
	_, err := client.GetHashID(context.Background())
	fmt.Println(errors.Is(err, hacarus.ErrInvalidArgument))
	// Output: true
}

// A time as RFC 3339, and null for none.
func ExampleTime_MarshalJSON() {
	trained := hacarus.Time{Time: time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)}
	text, err := json.Marshal([]hacarus.Time{trained, {}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: ["2026-03-04T05:06:07Z",null]
}

// A time without a zone is taken as UTC.
func ExampleTime_UnmarshalJSON() {
	var trained hacarus.Time
	if err := json.Unmarshal([]byte(`"2026-03-04 05:06:07.5"`), &trained); err != nil {
		log.Fatal(err)
	}
	fmt.Println(trained)
	// Output: 2026-03-04 05:06:07.5 +0000 UTC
}

// The form of HTTP's own dates.
func ExampleTime_UnmarshalText() {
	var trained hacarus.Time
	if err := trained.UnmarshalText([]byte("Wed, 04 Mar 2026 05:06:07 GMT")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(trained.Format(time.RFC3339))
	// Output: 2026-03-04T05:06:07Z
}
