// Package imagen is the study of package latentdiffusion with the text encoder of Imagen's kind: a language model that has never seen a picture.
package imagen
