// Command metrics counts verdicts and requests for Prometheus, and traces requests with
// OpenTelemetry, while it inspects a folder. It serves http://127.0.0.1:9108/metrics
// until it is interrupted, and writes the spans to stderr.
//
//	go run ./examples/metrics -model ID today
//
// Without an account in the environment, a stand-in is the service: all is OK.
package main

import (
	"cmp"
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

var (
	modelID  = flag.String("model", hacarus.ActiveModel, "`ID` of the model")
	addr     = flag.String("addr", "127.0.0.1:9108", "`address` of the metrics")
	verdicts = promauto.NewCounterVec(prometheus.CounterOpts{Name: "hacarus_images_total", Help: "Inspected images."}, []string{"verdict"})
	requests = promauto.NewHistogramVec(prometheus.HistogramOpts{Name: "hacarus_request_seconds", Help: "Requests, also repeated ones."}, []string{"operation", "status"})
	tracer   = otel.Tracer("github.com/hacarus/hacarus-check-go/examples/metrics")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, cmp.Or(flag.Arg(0), "testdata/plates/inspect"))
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, folder string) error {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(os.Stderr)) // or that of otlptracehttp
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	defer func() { _ = provider.Shutdown(context.WithoutCancel(ctx)) }()
	otel.SetTracerProvider(provider)
	server := &http.Server{Addr: *addr, Handler: promhttp.Handler(), ReadTimeout: 15 * time.Second}
	go func() { log.Fatal(server.ListenAndServe()) }()

	client, err := connect(hacarus.WithObserver(count), hacarus.WithTransport(func(next http.RoundTripper) http.RoundTripper { return traced{next} }))
	if err != nil {
		return err
	}
	defer client.Close()
	files, err := hacarus.FilesFromDir(folder)
	if err != nil {
		return err
	}
	inspection, span := tracer.Start(ctx, "inspection")
	for result, err := range client.Inspect(inspection, hacarus.InspectRequest{ModelID: *modelID, Files: files}) {
		if err != nil {
			return err
		}
		verdicts.WithLabelValues(string(result.Verdict)).Inc()
		if result.Err != nil {
			log.Println(result.File, "has no verdict:", result.Err)
		}
	}
	span.End()
	<-ctx.Done()
	return nil
}

// count is called for each request.
func count(_ context.Context, a hacarus.Attempt) {
	requests.WithLabelValues(a.Operation, strconv.Itoa(a.StatusCode)).Observe(a.Duration.Seconds())
}

// traced is a transport that makes a span of each request.
type traced struct{ http.RoundTripper }

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	operation, route, _ := hacarus.OperationFromContext(r.Context())
	ctx, span := tracer.Start(r.Context(), operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("url.template", route)))
	defer span.End()
	response, err := t.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	return response, nil
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect(opts ...hacarus.Option) (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		service := hacarustest.NewServer()
		service.AddModel(hacarus.Model{})
		return service.Client(opts...), nil
	}
	return hacarus.NewFromEnv(append(opts, hacarus.WithUserAgent("metrics-example"))...)
}
