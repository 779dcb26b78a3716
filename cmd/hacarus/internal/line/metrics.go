package line

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// metrics are the figures of a process, for Prometheus.
type metrics struct {
	line     *process
	registry *prometheus.Registry
	images   *prometheus.CounterVec
	verdicts *prometheus.CounterVec
	seconds  prometheus.Histogram

	mu       sync.Mutex
	stations []page.Station
	asked    time.Time
}

func newMetrics(l *process) *metrics {
	m := &metrics{
		line: l, registry: prometheus.NewRegistry(),
		images:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hacarus_line_images_total", Help: "Images that were accepted; repeated ones had been before."}, []string{"station", "kind"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hacarus_line_verdicts_total", Help: "Verdicts of this inspector."}, []string{"station", "verdict"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hacarus_line_seconds", Help: "Time from an image's acceptance to its verdict.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 3600}}),
	}
	m.registry.MustRegister(m, m.images, m.verdicts, m.seconds)
	return m
}

// The figures that are asked for when they are read, the one that matters most first.
var (
	oldestFigure  = prometheus.NewDesc("hacarus_line_oldest_seconds", "Age of the image that has waited longest for its verdict.", nil, nil)
	waitingFigure = prometheus.NewDesc("hacarus_line_waiting", "Images that wait for their verdict.", []string{"station"}, nil)
	awayFigure    = prometheus.NewDesc("hacarus_line_service_away", "1 if the service cannot be used for a station.", []string{"station"}, nil)
	queueFigure   = prometheus.NewDesc("hacarus_line_queue_up", "1 if the queue responds.", nil, nil)
	spoolFigure   = prometheus.NewDesc("hacarus_line_spool_bytes", "Size of the images that wait in the spool.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{oldestFigure, waitingFigure, awayFigure, queueFigure, spoolFigure} {
		all <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(figures chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		figures <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	stations, up := m.ask()
	oldest := time.Time{}
	for _, s := range stations {
		if !s.Oldest.IsZero() && (oldest.IsZero() || s.Oldest.Before(oldest)) {
			oldest = s.Oldest
		}
		gauge(waitingFigure, float64(s.Waiting), s.Name)
		gauge(awayFigure, one(s.Service != ""), s.Name)
	}
	if m.line.spool != nil {
		size, since := m.line.spool.Waiting()
		if !since.IsZero() && (oldest.IsZero() || since.Before(oldest)) {
			oldest = since
		}
		gauge(spoolFigure, float64(size))
	}
	age := 0.0
	if !oldest.IsZero() {
		age = time.Since(oldest).Seconds()
	}
	gauge(oldestFigure, age)
	gauge(queueFigure, one(up))
}

func one(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// ask asks the queue for the stations, at most once a second.
func (m *metrics) ask() (stations []page.Station, up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.asked) < time.Second {
		return m.stations, m.stations != nil
	}
	m.asked = time.Now()
	stations, err := m.line.feed.Stations(m.line.work)
	if err != nil {
		m.stations = nil
		return nil, false
	}
	m.stations = append([]page.Station{}, stations...)
	return m.stations, true
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) accepted(job queue.Job, isNew bool) {
	kind := "new"
	if !isNew {
		kind = "repeated"
	}
	m.images.WithLabelValues(job.Station, kind).Inc()
}

func (m *metrics) settled(job queue.Job, i *hacarus.Inspection) {
	m.verdicts.WithLabelValues(job.Station, string(i.Verdict)).Inc()
	m.seconds.Observe(time.Since(job.Accepted).Seconds())
}
