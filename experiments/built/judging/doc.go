// Package judging is the study of CLIP as a judge: captions and pictures that others make are ranked by it, pairs and pictures filtered, and what it cannot give
// itself is shown.
package judging
