package work

import "fmt"

// Metric is one of the figures.
type Metric struct {
	Name string
	of   func(Figures) float64
	text func(float64) string
}

// The metrics that goals are about.
var (
	Time        = &Metric{"time", func(f Figures) float64 { return float64(f.Time) }, Duration}
	CPU         = &Metric{"CPU time", func(f Figures) float64 { return float64(f.CPU) }, Duration}
	Allocations = &Metric{"allocations", func(f Figures) float64 { return f.Allocations }, Count}
	Allocated   = &Metric{"allocated", func(f Figures) float64 { return f.Allocated }, Bytes}
	PeakHeap    = &Metric{"peak heap", func(f Figures) float64 { return f.PeakHeap }, Bytes}
	PeakRSS     = &Metric{"peak RSS", func(f Figures) float64 { return f.PeakRSS }, Bytes}
	Connections = &Metric{"connections", func(f Figures) float64 { return f.Connections }, Count}
	Logins      = &Metric{"token exchanges", func(f Figures) float64 { return f.Logins }, Count}
)

// Of is the metric's figure.
func (m *Metric) Of(f Figures) float64 { return m.of(f) }

// Text writes a figure with its unit.
func (m *Metric) Text(value float64) string { return m.text(value) }

// Unit says what a goal's limit counts.
type Unit int

// The units of goals.
const (
	Absolute Unit = iota // the metric's own
	Ratio                // times what the baseline needs
	PerPage              // times what one page of PageItems items takes as JSON
)

// Goal is an upper limit.
type Goal struct {
	Metric *Metric
	Unit   Unit
	Limit  float64
}

// Name is what the goal is about.
func (g Goal) Name() string {
	if g.Unit == Ratio {
		return g.Metric.Name + " to raw"
	}
	return g.Metric.Name
}

// Of is what the goal limits, in one measurement of the client and one of the baseline.
func (g Goal) Of(client, baseline Figures) float64 {
	value := g.Metric.Of(client)
	switch g.Unit {
	case Ratio:
		return value / g.Metric.Of(baseline)
	case PerPage:
		return value / client.Page
	}
	return value
}

// Text is a value of the goal's kind, such as its limit.
func (g Goal) Text(value float64) string {
	switch g.Unit {
	case Ratio:
		return fmt.Sprintf("%.2f", value)
	case PerPage:
		return fmt.Sprintf("%.1f pages", value)
	}
	return g.Metric.text(value)
}

// Count writes a number of things.
func Count(n float64) string { return fmt.Sprintf("%.4g", n) }

// Bytes writes a number of bytes in units of 1000.
func Bytes(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", n/1e3)
	}
	return fmt.Sprintf("%.0f B", n)
}

// Duration writes nanoseconds.
func Duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
	return fmt.Sprintf("%.1f µs", ns/1e3)
}
