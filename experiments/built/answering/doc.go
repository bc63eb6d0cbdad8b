// Package answering is the study of questions about pictures, answered on what a CLIP sees.
package answering
