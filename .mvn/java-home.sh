# Finds a JDK 25 for the scripts that source this file, and exports it as JAVA_HOME.

# The major version of the java in a Java home, or 0.
java_version() {
    local release=$1/release version
    [[ -x $1/bin/java && -r $release ]] || { echo 0; return; }
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$release")
    echo "${version:-0}"
}

# JAVA_HOME, then the java on the path, then where JDKs are usually installed.
find_java_home() {
    local candidate on_path
    on_path=$(command -v java || true)
    for candidate in \
        "${JAVA_HOME:-}" \
        "${on_path:+$(dirname "$(dirname "$(readlink -f "$on_path")")")}" \
        /usr/lib/jvm/* \
        /opt/java/* /opt/jdk* \
        "$HOME"/.sdkman/candidates/java/* \
        "$HOME"/.jdks/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        if [[ -n $candidate && $(java_version "$candidate") == 25 ]]; then
            echo "$candidate"
            return
        fi
    done
}

JAVA_HOME=$(find_java_home)
export JAVA_HOME
