//go:build tools

// Package tools names the servers that the tests run, so that go.mod and go.sum pin them.
// Nothing here is compiled into anything: `tests/servers/binaries.py` builds each command by its path.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
