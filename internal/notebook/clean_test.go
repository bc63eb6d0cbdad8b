package notebook

import (
	"os"
	"path/filepath"
	"testing"
)

const used = `{"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": {"name": "glimpse", "display_name": "Glimpse (Go)", "language": "go"},
 "language_info": {"name": "go", "version": "go1.26.8", "mimetype": ""}, "toc": {}},
 "cells": [
  {"cell_type": "markdown", "metadata": {"collapsed": true}, "source": "# A < B & é\nC"},
  {"cell_type": "code", "id": "mine", "metadata": {"glimpse": {"exercise": "x"}, "execution": {"iopub.status.busy": "2026-01-01T00:00:00Z"}},
   "execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}], "source": ["%%\n", "fmt.Println(1)"]}]}`

const clean = `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "cell-01",
   "metadata": {},
   "source": [
    "# A < B & é\n",
    "C"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "mine",
   "metadata": {
    "glimpse": {
     "exercise": "x"
    }
   },
   "outputs": [],
   "source": [
    "%%\n",
    "fmt.Println(1)"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Glimpse (Go)",
   "language": "go",
   "name": "glimpse"
  },
  "language_info": {
   "name": "go"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func TestClean(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.ipynb")
	if err := os.WriteFile(path, []byte(used), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} { // the second time there is nothing to clean
		changed, err := CleanFile(path)
		if err != nil || changed != want {
			t.Errorf("time %d: changed is %v (%v), expected %v", i+1, changed, err, want)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != clean {
			t.Errorf("time %d: got %s (%v), expected %s", i+1, got, err, clean)
		}
	}
	for text, want := range map[string]string{
		"{":                                  "expected a notebook (JSON, nbformat 4) in n.ipynb",
		`{"nbformat": 3}`:                    "found nbformat 3",
		`{"nbformat": 4}`:                    "expected a list of cells in n.ipynb, found none",
		`{"nbformat": 4, "cells": ["cell"]}`: "found something else as number 1",
	} {
		_, err := Clean("n.ipynb", []byte(text))
		sentence(t, err, want)
	}
}
