package hacarus

import (
	"encoding/json"
	"image"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeForms(t *testing.T) {
	t.Parallel()
	jst := time.FixedZone("", 9*60*60)
	for text, want := range map[string]time.Time{
		"2019-06-11T05:47:00Z":             time.Date(2019, 6, 11, 5, 47, 0, 0, time.UTC),
		"2019-08-29T01:04:10+00:00":        time.Date(2019, 8, 29, 1, 4, 10, 0, time.UTC),
		"2021-12-24T15:00:00+09:00":        time.Date(2021, 12, 24, 15, 0, 0, 0, jst),
		"2000-01-23T04:56:07.000+00:00":    time.Date(2000, 1, 23, 4, 56, 7, 0, time.UTC),
		"2000-01-23T04:56:07.123456+09:00": time.Date(2000, 1, 23, 4, 56, 7, 123_456_000, jst),
		"2022-03-03T06:48:30.5Z":           time.Date(2022, 3, 3, 6, 48, 30, 500_000_000, time.UTC),
		"2022-03-03T06:48:30":              time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC),
		"2022-03-03T06:48:30.123456":       time.Date(2022, 3, 3, 6, 48, 30, 123_456_000, time.UTC),
		"2022-03-03 06:48:30":              time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC),
		"2022-03-03 06:48:30.25+09:00":     time.Date(2022, 3, 3, 6, 48, 30, 250_000_000, jst),
		"Wed, 19 Jun 2019 05:03:09 GMT":    time.Date(2019, 6, 19, 5, 3, 9, 0, time.UTC),
		"Wed, 19 Jun 2019 14:03:09 +0900":  time.Date(2019, 6, 19, 14, 3, 9, 0, jst),
		" 2019-06-11T05:47:00Z\n":          time.Date(2019, 6, 11, 5, 47, 0, 0, time.UTC),
		"":                                 {},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var fromText, fromJSON Time
			require.NoError(t, fromText.UnmarshalText([]byte(text)))
			require.True(t, fromText.Equal(want), fromText)

			quoted, err := json.Marshal(text)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(quoted, &fromJSON))
			require.Equal(t, fromText, fromJSON)

			encoded, err := json.Marshal(fromText)
			require.NoError(t, err)
			var again Time
			require.NoError(t, json.Unmarshal(encoded, &again))
			require.True(t, again.Equal(want), "%s", encoded)
			_, wantOffset := want.Zone()
			_, offset := again.Zone()
			require.Equal(t, wantOffset, offset)
		})
	}
}

func TestTimeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"yesterday", "2022-03-03", "06:48:30", "1646290110", "2022-13-03T06:48:30Z", "2022-02-30T06:48:30Z", "2022-03-03T24:00:01Z",
		"2022-03-03T06:48:30Z and more", "2022-03-03T06:48:30+24:00", "Wed, 19 Jun 2019 14:03:09 -2400",
		"Wed, 19 Jun 2019 05:03:09 JST", "2022/03/03 06:48:30",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			was := Time{time.Unix(1, 0)}
			got := was
			require.Error(t, got.UnmarshalText([]byte(text)))
			require.Equal(t, was, got, "a refused text changes nothing")
		})
	}
	for _, data := range []string{`1646290110`, `true`, `{}`, `[]`} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			require.Error(t, json.Unmarshal([]byte(data), new(Time)))
		})
	}
}

// FuzzTime holds that a time is refused and left as it was, or means the same
// once it is written again.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{
		"2019-06-11T05:47:00Z", "2019-08-29T01:04:10+00:00", "2000-01-23T04:56:07.000+00:00", "Wed, 19 Jun 2019 05:03:09 GMT",
		"2022-03-03T06:48:30", "2022-03-03 06:48:30.25+09:00", "Wed, 19 Jun 2019 14:03:09 +0900", "", " ", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59-23:59", "2022-03-03T06:48:30+24:00", "2022-03-03T06:48:30,5Z", "0000-01-01T00:00:00+23:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		was := Time{time.Unix(1, 0)}
		got := was
		if err := got.UnmarshalText([]byte(text)); err != nil {
			require.Equal(t, was, got)
			return
		}
		require.True(t, strings.TrimSpace(text) != "" || got == Time{})
		written, err := json.Marshal(got)
		require.NoError(t, err)
		var again Time
		require.NoError(t, json.Unmarshal(written, &again))
		require.True(t, again.Equal(got.Time), "%s is %s", text, written)
		if reference, err := time.Parse(time.RFC3339, strings.TrimSpace(text)); err == nil {
			require.True(t, reference.Equal(got.Time))
		}
	})
}

func TestTimeNull(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`null`, `""`} {
		was := Time{time.Unix(1, 0)}
		require.NoError(t, json.Unmarshal([]byte(data), &was))
		require.Zero(t, was)
	}
	encoded, err := json.Marshal(Time{})
	require.NoError(t, err)
	require.Equal(t, `null`, string(encoded))
	encoded, err = json.Marshal(Time{time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC)})
	require.NoError(t, err)
	require.Equal(t, `"2022-03-03T06:48:30Z"`, string(encoded))
}

func TestStatusesAreTerminal(t *testing.T) {
	t.Parallel()
	for status, want := range map[ModelStatus]bool{
		ModelStatusCreating: false, ModelStatusActive: true, ModelStatusFailed: true, ModelStatusDeleted: true,
		"": false, "queued": false, "ACTIVE": false,
	} {
		require.Equal(t, want, status.IsTerminal(), status)
	}
	for status, want := range map[ItemStatus]bool{
		ItemStatusPending: false, ItemStatusDone: true, ItemStatusArchived: true, "": false, "failed": false, "Done": false,
	} {
		require.Equal(t, want, status.IsTerminal(), status)
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.75": 0.75, "0": 0, "-1.5": -1.5, " 3 ": 3, "1e-3": 0.001, "0.3077000000": 0.3077,
	} {
		got, ok := Assessment{AnomalyScore: text}.Score()
		require.True(t, ok, text)
		require.InDelta(t, want, got, 0, text)
	}
	for _, text := range []string{"", " ", "high", "NaN", "Inf", "-inf", "1e400", "0,75", "1 2", "null"} {
		got, ok := Assessment{AnomalyScore: text}.Score()
		require.False(t, ok, text)
		require.Zero(t, got, text)
	}
}

func TestRect(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	const huge = math.MaxInt32
	for _, test := range []struct {
		name                   string
		xMin, yMin, xMax, yMax float64
		want                   image.Rectangle
		ok                     bool
	}{
		{"whole pixels", 606, 2284, 620, 2322, image.Rect(606, 2284, 620, 2322), true},
		{"parts of pixels", 606.25, 2284.75, 619.5, 2321.001, image.Rect(606, 2284, 620, 2322), true},
		{"parts of one pixel", 1.25, 1.25, 1.5, 1.5, image.Rect(1, 1, 2, 2), true},
		{"a point", 5, 5, 5, 5, image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(5, 5)}, true},
		{"a line", 5, 5, 9, 5, image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(9, 5)}, true},
		{"origin", 0, 0, 1, 1, image.Rect(0, 0, 1, 1), true},
		{"over the edge", -2.5, -0.5, 3, 4, image.Rect(-3, -1, 3, 4), true},
		{"as large as it may be", -huge, -huge, huge, huge, image.Rect(-huge, -huge, huge, huge), true},
		{"reversed in x", 620, 2284, 606, 2322, image.Rectangle{}, false},
		{"reversed in y", 606, 2322, 620, 2284, image.Rectangle{}, false},
		{"reversed within a pixel", 1.75, 1, 1.25, 2, image.Rectangle{}, false},
		{"NaN at the left", nan, 1, 2, 2, image.Rectangle{}, false},
		{"NaN at the top", 1, nan, 2, 2, image.Rectangle{}, false},
		{"NaN at the right", 1, 1, nan, 2, image.Rectangle{}, false},
		{"NaN at the bottom", 1, 1, 2, nan, image.Rectangle{}, false},
		{"infinite", 1, 1, inf, 2, image.Rectangle{}, false},
		{"infinite below", -inf, 1, 2, 2, image.Rectangle{}, false},
		{"beyond 32 bits", 1, 1, huge + 1, 2, image.Rectangle{}, false},
		{"beyond 32 bits below", 1, -huge - 1, 2, 2, image.Rectangle{}, false},
		{"beyond 32 bits by rounding", 1, 1, 2, huge + 0.5, image.Rectangle{}, false},
		{"huge", 0, 0, 1e300, 1e300, image.Rectangle{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := Annotation{XMin: &test.xMin, YMin: &test.yMin, XMax: &test.xMax, YMax: &test.yMax}
			got, ok := a.Rect()
			require.Equal(t, test.ok, ok)
			require.Equal(t, test.want, got)
			for _, missing := range []func(*Annotation){
				func(a *Annotation) { a.XMin = nil }, func(a *Annotation) { a.YMin = nil },
				func(a *Annotation) { a.XMax = nil }, func(a *Annotation) { a.YMax = nil },
			} {
				part := a
				missing(&part)
				got, ok := part.Rect()
				require.False(t, ok)
				require.Zero(t, got)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	user := func(label Label) *UserAssessment { return &UserAssessment{Label: label} }
	for _, test := range []struct {
		name        string
		user        *UserAssessment
		assessments []Assessment
		modelID     string
		want        Verdict
	}{
		{"nothing", nil, nil, "", VerdictUnknown},
		{"nothing of a model", nil, nil, "m1", VerdictUnknown},
		{"any model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}}, "", VerdictNG},
		{"any model is the last", nil, []Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m2", Label: LabelOK}}, "", VerdictOK},
		{"one model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m2", Label: LabelOK}}, "m1", VerdictNG},
		{
			"the last of one model", nil,
			[]Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m1", Label: LabelOK}, {ModelID: "m2", Label: LabelNG}}, "m1", VerdictOK,
		},
		{"another model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}}, "m2", VerdictUnknown},
		{"user against the model", user(LabelOK), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictOK},
		{"user without the model", user(LabelNG), []Assessment{{ModelID: "m1", Label: LabelOK}}, "m2", VerdictNG},
		{"user alone", user(LabelNG), nil, "", VerdictNG},
		{"empty user label", user(""), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictNG},
		{"empty user label alone", user(""), nil, "", VerdictUnknown},
		{"unknown user label", user("maybe"), []Assessment{{ModelID: "m1", Label: LabelOK}}, "m1", VerdictUnknown},
		{"unknown label", nil, []Assessment{{ModelID: "m1", Label: "GRAY"}}, "m1", VerdictUnknown},
		{"empty label", nil, []Assessment{{ModelID: "m1"}}, "m1", VerdictUnknown},
		{"unknown label after a known one", nil, []Assessment{{ModelID: "m1", Label: LabelOK}, {ModelID: "m1", Label: "GRAY"}}, "m1", VerdictUnknown},
		{"label in lower case", nil, []Assessment{{ModelID: "m1", Label: "ng"}}, "m1", VerdictNG},
		{"user label in lower case", user("ok"), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			item := Item{UserAssessment: test.user, Assessments: test.assessments}
			require.Equal(t, test.want, item.Verdict(test.modelID))
		})
	}
}

func TestItemAssessment(t *testing.T) {
	t.Parallel()
	item := Item{Assessments: []Assessment{{ModelID: "m1", Result: "1"}, {ModelID: "m2", Result: "2"}, {ModelID: "m1", Result: "3"}}}
	require.Same(t, &item.Assessments[2], item.Assessment(""))
	require.Same(t, &item.Assessments[2], item.Assessment("m1"))
	require.Same(t, &item.Assessments[1], item.Assessment("m2"))
	require.Nil(t, item.Assessment("m3"))
	require.Nil(t, (&Item{}).Assessment(""))
}

// TestItemJSON writes an item as JSON, and reads it back by encoding/json and
// by the SDK's own decoder.
func TestItemJSON(t *testing.T) {
	t.Parallel()
	made := Time{time.Date(2022, 3, 3, 6, 50, 0, 123_000_000, time.UTC)}
	for name, item := range map[string]Item{
		"all": {
			ItemID: "部品-0007", Name: "<部品> & \u2028", Status: ItemStatusDone, Active: true, IsTrainingData: true,
			Images: []ImageMeta{{URL: "https://h/a?b=c&d=e", Name: "a.png", Width: 620, Height: 480, FileSize: 3 << 30}},
			UserAssessment: &UserAssessment{
				Label: LabelNG, Result: "by hand", Annotations: []Annotation{{AnnotationID: 1, Label: new(0), Notes: "傷"}}, Images: []ImageMeta{},
			},
			Assessments: []Assessment{
				{
					ModelID: "m1", Label: LabelOK, Result: "r", AnomalyScore: "0.75", DetectedObjects: new(0), DetectionAccuracy: new(99.5),
					Annotations: []Annotation{{
						AnnotationID: 8269, XMin: new(606.0), XMax: new(620.25), YMin: new(0.1), YMax: new(1e-9),
						Label: new(-3), DefectSize: new(1e21), CreatedAt: made,
					}},
					Images: []ImageMeta{{URL: "/heat.png"}},
				},
				{ModelID: "m2", Annotations: []Annotation{}},
			},
		},
		"least":       {ItemID: "a"},
		"empty lists": {ItemID: "a", Images: []ImageMeta{}, UserAssessment: &UserAssessment{}, Assessments: []Assessment{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded, err := json.Marshal(item)
			require.NoError(t, err)
			var again Item
			require.NoError(t, json.Unmarshal(encoded, &again))
			require.Equal(t, item, again)
			decoded, err := decodeEnvelope([]byte(`{"data":`+string(encoded)+`}`), decodeItem)
			require.NoError(t, err)
			require.Equal(t, item, *decoded)
		})
	}
}
