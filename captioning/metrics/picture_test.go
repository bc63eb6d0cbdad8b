package metrics

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The raw captions of the golden file become its tokenised ones.
func TestReadGolden(t *testing.T) {
	data, err := os.ReadFile(testdata.Golden(t, "captioning/metrics/captions.json"))
	if err != nil {
		t.Fatal(err)
	}
	tokenised, raw := must(Read(strings.NewReader(string(data)), false)), must(Read(strings.NewReader(string(data)), true))
	if len(tokenised) != 200 || tokenised[0].ID != NumberID(400) {
		t.Errorf("found %d pictures, the first %v", len(tokenised), tokenised[0].ID)
	}
	for i, p := range tokenised {
		if p.Candidate != raw[i].Candidate || strings.Join(p.References, "|") != strings.Join(raw[i].References, "|") || p.ID != raw[i].ID {
			t.Errorf("expected %+v, found %+v", p, raw[i])
		}
	}
}

// Numbers stay numbers and texts texts, also beyond 2^53.
func TestIDs(t *testing.T) {
	const list = `[{"image_id":9007199254740993,"candidate":"a","references":["b"]},{"image_id":"a \"b\".jpg","candidate":"","references":["","b"]},` +
		`{"image_id":"7","candidate":"a","references":["b"]},{"image_id":7,"candidate":"a","references":["b"]}]`
	pictures := must(Read(strings.NewReader(list), false))
	written := ""
	for _, p := range pictures {
		written += string(must(json.Marshal(p.ID))) + " "
	}
	if want := `9007199254740993 "a \"b\".jpg" "7" 7 `; written != want {
		t.Errorf("expected %s, found %s", want, written)
	}
	if pictures[2].ID != TextID("7") || pictures[3].ID != NumberID(7) || pictures[2].ID == pictures[3].ID {
		t.Error("expected the ID \"7\" and the ID 7 to differ")
	}
	if e := must(Evaluate(pictures)); must(e.Of(TextID("7"))).ID != TextID("7") {
		t.Error("expected the picture \"7\"")
	} else if _, err := e.Of(NumberID(8)); err == nil {
		t.Error("expected an error for a picture that is not there")
	}
}

func TestReadErrors(t *testing.T) {
	const one = `{"image_id":1,"candidate":"a","references":["b"]}`
	for list, want := range map[string]string{
		``:                                       "expected JSON",
		`[` + one:                                "expected JSON, found a mistake in line 1",
		"[\n" + one + "\n}":                      "line 3",
		`{"corpus":1}`:                           "expected a list of pictures with image_id, candidate and references, found a JSON object",
		`"a"`:                                    "found a JSON string",
		`[]`:                                     "at least one picture",
		`null`:                                   "at least one picture",
		`[7]`:                                    "a JSON number",
		`[` + one + `,` + one + `]`:              "picture 2: expected every image_id once, found 1 again, which picture 1 has too",
		`[{"candidate":"a","references":["b"]}]`: "picture 1: expected an image_id, found none",
		`[{"image_id":null,"candidate":"a","references":["b"]}]`:               "expected an image_id",
		`[{"image_id":true,"candidate":"a","references":["b"]}]`:               "image_id to be a number or a text, found true",
		`[{"image_id":5,"references":["b"]}]`:                                  "image_id 5: expected candidate, found none",
		`[{"image_id":5,"caption":"b"}]`:                                       "image_id 5: expected candidate, found none; it has the caption of a list of results, whose references are in a data set (--data)",
		`[{"image_id":5,"candidate":"a"}]`:                                     "image_id 5: expected at least one of references, found none",
		`[{"image_id":5,"candidate":"a","references":[]}]`:                     "expected at least one of references",
		`[{"image_id":5,"candidate":"a","references":"b"}]`:                    "references",
		`[{"image_id":5,"candidate":7,"references":["b"]}]`:                    "candidate in line 1, found a JSON number",
		`[{"image_id":5,"candidate_raw":"A.","references_raw":["B."]}]`:        "--raw",
		`[{"image_id":5,"candidate":"a","candidate_raw":"A","references":[]}]`: "at least one of references",
	} {
		_, err := Read(strings.NewReader(list), false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected an error with %q, found %v", list, want, err)
		}
	}
	if _, err := Read(strings.NewReader(`[`+one+`]`), true); err == nil || !strings.Contains(err.Error(), "candidate_raw, found none; its tokenised captions need no --raw") {
		t.Errorf("found the error %v", err)
	}
	broken := errors.New("no such luck")
	if _, err := Read(iotest.ErrReader(broken), false); !errors.Is(err, broken) {
		t.Errorf("found the error %v", err)
	}
	for _, c := range []struct {
		list string
		raw  bool
		want string
	}{
		{`[{"image_id":5,"candidate":"a","references":["", " "]}]`, false, `image_id 5: expected words in references, found none in ["" " "]`},
		{`[{"image_id":5,"candidate_raw":"a","references_raw":["..."]}]`, true, `expected words in references_raw, found none in ["..."]`},
		{"[\n{\"image_id\":5,\"candidate\":\"caf\xe9\",\"references\":[\"b\"]}]", false, "expected UTF-8 text, found other bytes in line 2"},
	} {
		if _, err := Read(strings.NewReader(c.list), c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: expected an error with %q, found %v", c.list, c.want, err)
		}
	}
	some := must(Read(strings.NewReader(`[{"image_id":5,"candidate_raw":"","references_raw":["...","a 狗"]}]`), true))
	if some[0].Wordless() != 1 || some[0].References[1] != "a 狗" {
		t.Errorf("found %q, %d without words", some[0].References, some[0].Wordless())
	}
	for _, f := range []func([]Picture) (*Evaluation, error){Evaluate} {
		if _, err := f(nil); err == nil {
			t.Error("expected an error for no pictures")
		}
		if _, err := f([]Picture{{ID: NumberID(3), Candidate: "a"}}); err == nil || !strings.Contains(err.Error(), "none for 3") {
			t.Errorf("found the error %v", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`[{"image_id":1,"candidate":"a dog","references":["a dog runs","dogs"],"candidate_raw":"A dog.","references_raw":["A dog's."]}]`), true)
	f.Add([]byte(`[{"image_id":"x","candidate":"","references":[""]},{"image_id":1e5,"candidate":"a","references":["b"]}]`), false)
	f.Add([]byte(`[{"image_id":null}]`), false)
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		pictures, err := Read(strings.NewReader(string(data)), raw)
		if err != nil {
			return
		}
		e, err := Evaluate(pictures)
		if err != nil {
			t.Fatalf("what was read cannot be scored: %v", err)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("what was scored cannot be written: %v", err)
		}
		if _, err := e.Bootstrap(100, 1); err != nil {
			t.Fatal(err)
		}
	})
}
