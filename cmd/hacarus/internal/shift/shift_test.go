package shift

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// at is a time of the day of all tests.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 26, hour, minute, 0, 0, time.Local) }

// recordOf writes a record.
func recordOf(t *testing.T, entries ...record.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := record.Open(path)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, r.Append(e))
	}
	require.NoError(t, r.Close())
	return path
}

func inspected(id string, when time.Time, verdict, lot string) record.Entry {
	e := record.Entry{
		ID: id, Time: when, File: id + ".png", Lot: lot, Serial: "-1", Model: "m", Version: "2", ItemID: "item-" + id,
		Verdict: verdict, By: record.Model,
	}
	if verdict == "unknown" {
		e.Error = new("hacarus: addItem: 400: " + e.File + " is no image")
	}
	return e
}

func judged(e record.Entry, when time.Time, verdict, by, note string) record.Entry {
	e.Time, e.Verdict, e.By, e.Note, e.Error = when, verdict, by, note, nil
	return e
}

// day is a record of some images around a shift from 6:00 to 14:00.
func day(t *testing.T) string {
	t.Helper()
	a, b, c := inspected("a", at(6, 0), "OK", "L1"), inspected("b", at(6, 30), "NG", "L1"), inspected("c", at(7, 0), "NG", "=1+2")
	d, e, f := inspected("d", at(13, 59), "unknown", ""), inspected("e", at(13, 59), "unknown", "L1"), inspected("f", at(8, 0), "OK", "L1")
	return recordOf(t, inspected("before", at(5, 59), "NG", "L0"), a, b, c,
		judged(b, at(15, 0), "OK", "Sato", "dust"), judged(c, at(15, 1), "OK", "Sato", "?"), judged(c, at(15, 2), "NG", "=Ito", ""), // who looks again
		f, judged(f, at(8, 5), "unknown", "Sato", ""), d, e, inspected("after", at(14, 0), "OK", "L2"),
		judged(inspected("before", at(5, 59), "NG", "L0"), at(7, 0), "OK", "Sato", ""),
	)
}

// told runs the command, and returns what it writes.
func told(t *testing.T, format output.Format, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := program.NewFor(&stdout, &stderr, format)
	err := Command(p).Run(context.Background(), append([]string{"report"}, args...))
	return stdout.String(), err
}

func TestReport(t *testing.T) {
	t.Parallel()
	path := day(t)
	text, err := told(t, output.JSON, "--record", path, "--from", "2026-11-26T06:00", "--to", "2026-11-26 14:00")
	require.NoError(t, err)
	var r Report
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, Counts{Images: 6, OK: 2, NG: 1, NoVerdict: 3, NGRate: new(1.0 / 3)}, r.Counts)
	require.True(t, r.From.Equal(at(6, 0)))
	require.Equal(t, []Group{
		{"", Counts{1, 0, 0, 1, nil}}, {"=1+2", Counts{1, 0, 1, 0, new(1.0)}}, {"L1", Counts{4, 2, 0, 2, new(0.0)}},
	}, r.Lots)
	require.Len(t, r.Hours, 4)
	require.Equal(t, at(6, 0).Format("2006-01-02T15:04Z07:00"), r.Hours[0].Name)
	require.Equal(t, Counts{2, 2, 0, 0, new(0.0)}, r.Hours[0].Counts)
	require.Empty(t, r.Stations, "there are none")
	require.Equal(t, "m 2", r.Models[0].Name)
	require.Equal(t, []Reason{{"addItem: 400: … is no image", 2}, {"Sato: unknown", 1}}, r.Reasons)
	require.Equal(t, []Person{{"=Ito", 1, 0}, {"Sato", 2, 2}}, r.People)
	require.Len(t, r.Judgements, 3)
	require.Equal(t, []string{"NG", "OK", "Sato", "dust"}, []string{r.Judgements[0].Model, r.Judgements[0].Verdict, r.Judgements[0].By, r.Judgements[0].Note})

	text, err = told(t, output.JSON, "--record", path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, 8, r.Images)
	require.Nil(t, r.From)
}

// A judgement that was taken back is none.
func TestReportOfTakenBackJudgements(t *testing.T) {
	t.Parallel()
	a, b := inspected("a", at(6, 0), "NG", ""), inspected("b", at(6, 0), "NG", "")
	undo := func(e record.Entry, minute int) record.Entry {
		e = judged(e, at(7, minute), e.Verdict, "Ito", "")
		e.Undo = true
		return e
	}
	path := recordOf(t, a, b,
		judged(a, at(7, 0), "OK", "Sato", ""), undo(a, 1),
		judged(b, at(7, 0), "OK", "Sato", ""), judged(b, at(7, 1), "unknown", "Ito", ""), undo(judged(b, at(7, 0), "OK", "Sato", ""), 2), undo(a, 3))
	text, err := told(t, output.JSON, "--record", path)
	require.NoError(t, err)
	var r Report
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, []int{2, 1, 1}, []int{r.Images, r.OK, r.NG})
	require.Equal(t, []Person{{"Sato", 1, 1}}, r.People)
}

func TestReportForPeople(t *testing.T) {
	t.Parallel()
	text, err := told(t, output.Table, "--record", day(t), "--from", "2026-11-26T06:00", "--to", "2026-11-26T14:00")
	require.NoError(t, err)
	for _, line := range []string{
		"Images: 6. OK: 2, NG: 1, without a verdict: 3. NG of those with a verdict: 33.33 %.",
		"2026-11-26 06:00        2    2    0            0     0.00 %", "dust", "addItem: 400: … is no image        2",
	} {
		require.Contains(t, text, line, text)
	}
}

// A spreadsheet takes the tables as they are: UTF-8, and nothing for a formula.
func TestTablesForSpreadsheets(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	text, err := told(t, output.CSV, "--record", day(t), "--out", out)
	require.NoError(t, err)
	report, err := os.ReadFile(filepath.Join(out, "report.csv"))
	require.NoError(t, err)
	require.Equal(t, string(report), text, "the same as the results")
	for name, rows := range map[string]int{"report.csv": 15, "images.csv": 8, "judgements.csv": 4} {
		raw, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		body, ok := strings.CutPrefix(string(raw), output.ByteOrderMark)
		require.True(t, ok, name)
		records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		require.NoError(t, err)
		require.Len(t, records, rows+1, "%s: %s", name, body)
		for _, row := range records {
			for n, cell := range row {
				if records[0][n] != "score" && records[0][n] != "ng_rate" {
					require.NotRegexp(t, `^[=+@-]`, cell)
				}
			}
		}
	}
}

func TestReportArguments(t *testing.T) {
	t.Parallel()
	path := day(t)
	for message, args := range map[string][]string{
		"--record is missing": {}, "takes no argument": {"--record", path, "x"}, "no such file": {"--record", path + "x"},
		"--from takes a time": {"--record", path, "--from", "yesterday"}, "not after": {"--record", path, "--from", "2026-11-26", "--to", "2026-11-25"},
		"both --from": {"--record", path, "--from", "06:00", "--shift", "8h"}, "above zero": {"--record", path, "--shift", "-1h"},
	} {
		_, err := told(t, output.Table, args...)
		require.ErrorContains(t, err, message)
	}
	now := at(14, 0)
	s, err := periodOf(nil, "", "", 8*time.Hour, now)
	require.NoError(t, err)
	require.Equal(t, period.Period{From: at(6, 0), To: now}, s)
	s, err = periodOf(nil, "06:30", "", 0, now)
	require.NoError(t, err)
	require.Equal(t, period.Period{From: at(6, 30)}, s)
}

// What is kept of an image is little, however many there are.
func TestReportOfManyImages(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	const images = 30_000
	var text bytes.Buffer
	for n := range images {
		fmt.Fprintf(&text, `{"id":"%024d","time":"2026-11-26T06:00:00Z","file":"%d.png","verdict":"OK","by":"model","boxes":[[1,2,3,4]],"error":null}`+"\n", n, n)
	}
	path := filepath.Join(t.TempDir(), "record.jsonl")
	require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	text = bytes.Buffer{}
	before := heap()
	a, err := read(path, period.Period{})
	require.NoError(t, err)
	require.Less(t, heap()-before, int64(images*40+64<<10)) // and what else the process has begun to hold
	r, err := a.report(time.UTC)
	require.NoError(t, err)
	require.Equal(t, images, r.Images)
	runtime.KeepAlive(a)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The hour that the end of summer time makes two of is two, which can be told apart.
func TestHoursAtTheEndOfSummerTime(t *testing.T) {
	t.Parallel()
	place, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	begin := time.Date(2026, 11, 1, 4, 30, 0, 0, time.UTC)
	var entries []record.Entry
	for n := range 4 {
		entries = append(entries, inspected(fmt.Sprint(n), begin.Add(time.Duration(n)*time.Hour), "OK", ""))
	}
	a, err := read(recordOf(t, entries...), period.Period{})
	require.NoError(t, err)
	r, err := a.report(place)
	require.NoError(t, err)
	var names []string
	for _, hour := range hoursOf(r.Hours) {
		names = append(names, hour.Name)
	}
	require.Equal(t, []string{"2026-11-01 00:00", "2026-11-01 01:00-04:00", "2026-11-01 01:00-05:00", "2026-11-01 02:00"}, names)
}
