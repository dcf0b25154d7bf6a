// Package manifest decodes Kubernetes objects for tests, as the API server does.
package manifest

import (
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// An Object is a Kubernetes object.
type Object interface {
	runtime.Object
	v1.Object
}

// Build builds the kustomization name below the directory deploy/kubernetes, and
// decodes its objects.
func Build(t testing.TB, deploy, name string) []Object {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(deploy, "kubernetes", name))
	if err != nil {
		t.Fatalf("kustomize build %s: %v", name, err)
	}
	var objects []Object
	for _, resource := range made.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, Decode(t, resource.CurId().String(), text))
	}
	return objects
}

// Decode decodes an object strictly to its type of Kubernetes or Prometheus Operator:
// a field that its type does not have is an error. name is for error messages.
func Decode(t testing.TB, name string, text []byte) Object {
	t.Helper()
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoring.AddToScheme} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	codecs := serializer.NewCodecFactory(known, serializer.EnableStrict)
	decoded, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	o, ok := decoded.(Object)
	if !ok {
		t.Fatalf("%s: a %T has no metadata", name, decoded)
	}
	return o
}

// All returns the objects of a type.
func All[T Object](objects []Object) (found []T) {
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// The returns the only object of a type.
func The[T Object](t testing.TB, objects []Object) T {
	t.Helper()
	found := All[T](objects)
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T, want 1", len(found), *new(T))
	}
	return found[0]
}
