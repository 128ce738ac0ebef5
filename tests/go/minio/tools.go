//go:build tools

// Package tools names the S3 server that the tests run, apart from Kubernetes: their dependencies do not agree.
package tools

import _ "github.com/minio/minio"
