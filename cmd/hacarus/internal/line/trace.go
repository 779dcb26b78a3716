package line

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	spans "go.opentelemetry.io/otel/trace"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

const tracerName = "github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line"

var carrier = propagation.TraceContext{}

// startTracing exports traces where the environment of OpenTelemetry says so, and
// returns what ends that.
func startTracing(ctx context.Context, log *slog.Logger) (stop func()) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" || os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return func() {}
	}
	exporter, err := otlptracehttp.New(ctx) // the variables of the environment are its options
	if err != nil {
		log.Warn("no traces are exported", "error", err)
		return func() {}
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "hacarus-line")), resource.WithFromEnv(), resource.WithHost(), resource.WithProcessPID())
	if err != nil {
		log.Warn("the traces do not tell where they come from", "error", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not exported", "error", err) }))
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))
	otel.SetTracerProvider(provider)
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = provider.Shutdown(ending)
	}
}

// traced makes a span of each request, which what follows from it belongs to.
func traced(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := otel.Tracer(tracerName).Start(carrier.Extract(r.Context(), propagation.HeaderCarrier(r.Header)), name)
		defer span.End()
		r = r.WithContext(ctx)
		// What is no trace goes no further: a job has it in it, and has to fit into a
		// message of the queue.
		r.Header.Del("Traceparent")
		if span.SpanContext().IsValid() {
			carrier.Inject(ctx, propagation.HeaderCarrier(r.Header))
		}
		next.ServeHTTP(w, r)
	})
}

// traceInspection makes a span of what an image has waited for, from its acceptance
// to its verdict.
func traceInspection(job queue.Job, i *hacarus.Inspection) {
	ctx := carrier.Extract(context.Background(), propagation.MapCarrier{"traceparent": job.Trace})
	_, span := otel.Tracer(tracerName).Start(ctx, "inspect image", spans.WithTimestamp(job.Accepted))
	span.SetAttributes(attribute.String("hacarus.station", job.Station), attribute.String("hacarus.image", job.ID),
		attribute.String("hacarus.item", i.ItemID), attribute.String("hacarus.verdict", string(i.Verdict)))
	if i.Err != nil {
		span.SetStatus(codes.Error, i.Err.Error())
	}
	span.End()
}
