package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/fetch"
)

// noWeights says what to do about a repository without safetensors files. Of many such the hub's own bot has offered a
// conversion as a pull request, whose revision can be fetched like any other.
func (c *client) noWeights(ctx context.Context, m Model, files []string) error {
	if n := c.conversion(ctx, m); n > 0 {
		return fmt.Errorf("expected %s or %s in %s, found neither; the hub has converted the weights in its pull request %d: %s --revision refs/pr/%d",
			singleFile, indexFile, m, n, m.withoutRevision(), n)
	}
	for _, name := range []string{"pytorch_model.bin", "open_clip_pytorch_model.bin"} {
		if slices.Contains(files, name) {
			return fmt.Errorf("expected %s or %s in %s, found neither, but %s in PyTorch's format: look for a model that has been converted, or fetch it as it is: %s --include '*.json' --include '*.txt' --include %s",
				singleFile, indexFile, m, name, m.command(), name)
		}
	}
	return fmt.Errorf("expected %s or %s in %s, found %s; choose files with --include", singleFile, indexFile, m, listed(files))
}

func (m Model) withoutRevision() string { return Model{Repo: m.Repo, Revision: "main"}.command() }

// conversion is the number of the bot's open pull request with safetensors weights, 0 when there is none to be seen.
func (c *client) conversion(ctx context.Context, m Model) int {
	answer, err := fetch.Ask(ctx, http.MethodGet, c.Endpoint+"/api/models/"+m.Repo+"/discussions", c.opt)
	if err != nil || answer.Status != http.StatusOK {
		return 0
	}
	var list struct {
		Discussions []struct {
			Num           int    `json:"num"`
			Title         string `json:"title"`
			Status        string `json:"status"`
			IsPullRequest bool   `json:"isPullRequest"`
			Author        struct {
				Name string `json:"name"`
			} `json:"author"`
		} `json:"discussions"`
	}
	if json.Unmarshal(answer.Body, &list) != nil {
		return 0
	}
	for _, d := range list.Discussions {
		if d.IsPullRequest && d.Status == "open" && d.Author.Name == "SFconvertbot" && strings.Contains(d.Title, "safetensors") {
			return d.Num
		}
	}
	return 0
}
