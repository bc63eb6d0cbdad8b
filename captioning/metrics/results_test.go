package metrics

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResults(t *testing.T) {
	results := []Result{{NumberID(9007199254740993), "a dog"}, {TextID("b \"x\".jpg"), ""}, {TextID("7"), "ein Hündchen & <unk>"}}
	var b strings.Builder
	if err := WriteResults(&b, results); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "[{\"image_id\":9007199254740993,\"caption\":\"a dog\"},\n{") || !strings.HasSuffix(b.String(), "}]\n") {
		t.Errorf("wrote %s", b.String())
	}
	again, err := ReadResults(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results, again, cmp.Comparer(func(a, b ID) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := WriteResults(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("no results: wrote %q (%v)", b.String(), err)
	}
}

func TestReadResultsErrors(t *testing.T) {
	for list, want := range map[string]string{
		`[`:                            "expected JSON, found a mistake in line 1",
		`[]`:                           "at least one picture",
		`{"annotations":[]}`:           "expected a list of pictures with image_id and caption, found a JSON object",
		`[{"caption":"a"}]`:            "picture 1: expected an image_id",
		`[{"image_id":1}]`:             "image_id 1: expected a caption, found none",
		`[{"image_id":1,"caption":7}]`: "expected another kind of value for caption in line 1, found a JSON number",
		"[{\"image_id\":1,\"caption\":\"\xff\"}]":                     "expected UTF-8 text",
		`[{"image_id":1,"caption":"a"},{"image_id":1,"caption":"b"}]`: "picture 2: expected every image_id once, found 1 again",
	} {
		if _, err := ReadResults(strings.NewReader(list)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected an error with %q, found %v", list, want, err)
		}
	}
}
