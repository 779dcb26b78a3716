package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// decoder is one row of the comparison of decoders.
type decoder struct {
	name                         string
	speed, allocated, allocation float64 // MB/s, bytes, and their number
}

// decoderRuns is how often each benchmark runs; the table has the medians.
const decoderRuns = 5

var benchmarkLine = regexp.MustCompile(`^BenchmarkDecoders/(\S+?)(?:-\d+)?\s+\d+\s+\S+ ns/op\s+(\S+) MB/s\s+(\d+) B/op\s+(\d+) allocs/op`)

// measureDecoders runs the benchmarks of package decoders.
func (o *options) measureDecoders(ctx context.Context, l *lab) ([]decoder, error) {
	if !o.parts["decoders"] {
		return nil, nil
	}
	fmt.Fprintln(os.Stderr, "decoders")
	out, err := output(ctx, l.module(), "test", "-run", "^$", "-bench", ".", "-benchtime", "300ms", "-count", strconv.Itoa(decoderRuns), "./decoders")
	if err != nil {
		return nil, err
	}
	return parseBenchmarks(out)
}

func parseBenchmarks(out string) ([]decoder, error) {
	var names []string
	runs := map[string][3][]float64{}
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		match := benchmarkLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		name := match[1]
		columns, known := runs[name]
		if !known {
			names = append(names, name)
		}
		for i := range columns {
			figure, err := strconv.ParseFloat(match[i+2], 64)
			if err != nil {
				return nil, err
			}
			columns[i] = append(columns[i], figure)
		}
		runs[name] = columns
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no benchmark in %q", out)
	}
	var decoders []decoder
	for _, name := range names {
		columns := runs[name]
		decoders = append(decoders, decoder{
			strings.ReplaceAll(name, "_", " "), median(columns[0]), median(columns[1]), median(columns[2]),
		})
	}
	return decoders, nil
}
