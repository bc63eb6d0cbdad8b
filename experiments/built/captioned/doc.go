// Package captioned has what the studies of generation learn from: windows of pictures with a caption and noise, one vocabulary for what is said of them, and the CLIP
// that is trained on them.
package captioned
