package runpage

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"os"
	"path"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
)

// picture is a picture of plots/. One that is too large to be part of the page is a link.
type picture struct {
	File    string       `json:"file"` // below plots
	Title   string       `json:"title"`
	Caption string       `json:"caption"`
	Picture template.URL `json:"-"`
	Link    string       `json:"-"` // below the run's folder
}

// What pictures may take in a page, in bytes: one, and all together.
const (
	largest     = 4 << 20
	largestPage = 24 << 20
)

var pictureTypes = map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".svg": "image/svg+xml", ".webp": "image/webp"}

// pictures are those in plots/: first those that plots/figures.json names, with their titles and captions and in its order, then
// the others by their names.
func pictures(run *experiments.Run, files []history.File) []picture {
	var named []picture
	if data, err := os.ReadFile(run.Path("plots", "figures.json")); err == nil {
		_ = json.Unmarshal(data, &named) // without it, pictures have no titles
	}
	sizes := map[string]int64{}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.Path, "plots/"); ok && pictureTypes[strings.ToLower(path.Ext(name))] != "" {
			names = append(names, name)
			sizes[name] = f.Bytes
		}
	}
	var all []picture
	seen := map[string]bool{}
	for _, p := range named {
		if _, there := sizes[p.File]; there && !seen[p.File] {
			all = append(all, picture{File: p.File, Title: p.Title, Caption: p.Caption})
			seen[p.File] = true
		}
	}
	for _, name := range names {
		if !seen[name] {
			all = append(all, picture{File: name, Title: name})
		}
	}
	room := int64(largestPage)
	for i := range all {
		p := &all[i]
		p.Link = "plots/" + p.File
		if sizes[p.File] > min(room, largest) {
			continue
		}
		data, err := os.ReadFile(run.Path("plots", p.File))
		if err != nil {
			continue
		}
		room -= int64(len(data))
		kind := pictureTypes[strings.ToLower(path.Ext(p.File))]
		p.Picture = template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
	}
	return all
}
