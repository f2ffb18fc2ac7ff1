package deploy

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func composeProject(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{repository + "/deploy/compose/compose.yaml"}, cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose(t *testing.T) {
	project := composeProject(t)
	for name, s := range project.Services {
		if !regexp.MustCompile(`:v\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s: the image %s is not pinned", name, s.Image)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not locked up", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s listens on %s", name, p.HostIP)
			}
		}
	}
	server := project.Services["server"]
	checkCommandLine(t, server.Command, nil)
}

// TestComposeProducts holds that the environment says whose reports are taken.
func TestComposeProducts(t *testing.T) {
	for want, project := range map[string]*types.Project{
		"--products=cozystack":      composeProject(t),
		"--products=synapse,coroot": composeProject(t, "TELEMETRY_PRODUCTS=synapse,coroot"),
	} {
		command := project.Services["server"].Command
		if !slices.Contains(command, want) {
			t.Errorf("%q has no %s", command, want)
		}
		checkCommandLine(t, command, nil)
	}
}

// TestComposeMemory holds that GOMEMLIMIT is 95 % of what the container may have, as
// the chart has it.
func TestComposeMemory(t *testing.T) {
	server := composeProject(t).Services["server"]
	limit, err := strconv.ParseInt(*server.Environment["GOMEMLIMIT"], 10, 64)
	if share := float64(limit) / float64(server.MemLimit); err != nil || share < 0.95 || share > 0.96 {
		t.Errorf("GOMEMLIMIT is %.3f of %d bytes, %v", share, server.MemLimit, err)
	}
}

// TestImageHealthcheck holds that the image runs the check of the compose file, and
// waits as long for a first start.
func TestImageHealthcheck(t *testing.T) {
	check := composeProject(t).Services["server"].HealthCheck
	want := fmt.Sprintf("\nHEALTHCHECK --start-period=%s --timeout=%s CMD [%q, %q, %q]\n",
		strings.TrimSuffix(check.StartPeriod.String(), "0s"), check.Timeout, check.Test[1], check.Test[2], check.Test[3])
	if !strings.Contains(string(read(t, "Dockerfile")), want) {
		t.Errorf("the Dockerfile has no %s", want)
	}
}

// TestComposeHealthcheck runs the health check's command: the program has it.
func TestComposeHealthcheck(t *testing.T) {
	check := composeProject(t).Services["server"].HealthCheck
	if check.Test[0] != "CMD" || check.Test[1] != "/"+program {
		t.Fatalf("the health check is %q", check.Test)
	}
	out, err := exec.Command(program, append(check.Test[2:], "--help")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ready") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestComposeVictoria starts a real VictoriaMetrics with the file's arguments,
// but for the folder of its data.
func TestComposeVictoria(t *testing.T) {
	var args []string
	for _, a := range composeProject(t).Services["victoria-metrics"].Command {
		if !strings.HasPrefix(a, "-storageDataPath=") {
			args = append(args, a)
		}
	}
	startVictoria(t, args...)
}
