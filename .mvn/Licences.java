import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/// Collects the licences of Spark's libraries for the archive of a release, and checks that each artifact has the
/// licences of all that is in it. A library without a licence, or a licence without a text, ends the build.
///
/// usage: Licences.java collect BOM.xml JARS TEXTS OUT
///        Licences.java check BOM.xml JARS BUNDLED TARGET...
class Licences {
    private static final Pattern TEXT = Pattern.compile(
            "(META-INF/)?[^/]*(LICEN[CS]E|NOTICE|COPYING|COPYRIGHT|THIRD-PARTY)[^/]*", Pattern.CASE_INSENSITIVE);
    private static final Pattern LICENCE_TEXT =
            Pattern.compile("(META-INF/)?[^/]*(LICEN[CS]E|COPYING)[^/]*", Pattern.CASE_INSENSITIVE);
    private static final String APACHE = "Apache-2.0";

    /// @param library the name and the version, as a jar's name begins
    /// @param name `group:artifact`
    /// @param licences names of SPDX where the library's POM allows it, and else its own
    private record Component(String library, String name, List<String> licences) {}

    public static void main(String[] args) throws Exception {
        List<Component> components = components(Path.of(args[1]));
        List<String> problems = args[0].equals("collect")
                ? collect(components, Path.of(args[2]), Path.of(args[3]), Path.of(args[4]))
                : check(components, Path.of(args[2]), Path.of(args[3]), List.of(args).subList(4, args.length));
        problems.forEach(System.out::println);
        System.exit(problems.isEmpty() ? 0 : 1);
    }

    private static List<String> collect(List<Component> components, Path jars, Path texts, Path out)
            throws IOException {
        List<String> problems = new ArrayList<>();
        TreeSet<String> shared = new TreeSet<>();
        StringBuilder index = new StringBuilder("""
                # Licences

                `LICENSE` and `NOTICE` beside this directory are those of spark-qwen. `lib/spark/jars` has Apache Spark and
                its libraries. A library that brings texts has a directory here. The others are under the text with the
                name of their licence, and Apache-2.0 is the text of `LICENSE`.

                | library | licence | texts |
                |---|---|---|
                """);
        Files.createDirectories(out);
        for (Path jar : list(jars, "*.jar")) {
            Optional<Component> component = of(jar, components);
            List<String> licences = component.map(Component::licences).orElse(List.of());
            List<String> found = copyTexts(jar, out);
            boolean hasLicence = found.stream().anyMatch(text -> LICENCE_TEXT.matcher(text).matches());
            List<String> known = licences.stream()
                    .filter(licence -> licence.equals(APACHE) || Files.exists(texts.resolve(licence + ".txt")))
                    .toList();
            if (component.isEmpty()) {
                problems.add("%s is not in the bill of materials".formatted(jar.getFileName()));
            } else if (licences.isEmpty()) {
                problems.add("%s: its POM names no licence; add one to LICENCES".formatted(jar.getFileName()));
            } else if (!hasLicence && known.isEmpty()) {
                problems.add("%s: no text of %s; add it to %s".formatted(jar.getFileName(), licences, texts));
            }
            List<String> added = hasLicence ? List.of() : known;
            added.stream().filter(licence -> !licence.equals(APACHE)).forEach(shared::add);
            List<String> places = new ArrayList<>();
            if (!found.isEmpty()) {
                places.add("`%s/`".formatted(directory(jar)));
            }
            added.forEach(licence -> places.add(licence.equals(APACHE) ? "`../LICENSE`" : "`%s.txt`".formatted(licence)));
            index.append("| %s | %s | %s |\n"
                    .formatted(jar.getFileName(), String.join(", ", licences), String.join(", ", places)));
        }
        for (String licence : shared) {
            Files.write(out.resolve(licence + ".txt"), Files.readAllBytes(texts.resolve(licence + ".txt")));
        }
        Files.writeString(out.resolve("README.md"), index);
        return problems;
    }

    private static List<String> copyTexts(Path jar, Path out) throws IOException {
        List<String> found = new ArrayList<>();
        try (JarFile file = new JarFile(jar.toFile())) {
            for (JarEntry entry : (Iterable<JarEntry>) file.stream()::iterator) {
                String name = entry.getName();
                if (!entry.isDirectory() && TEXT.matcher(name).matches() && !name.endsWith(".class")) {
                    Path text = out.resolve(directory(jar)).resolve(name.replace("META-INF/", ""));
                    Files.createDirectories(text.getParent());
                    try (InputStream in = file.getInputStream(entry)) {
                        Files.write(text, in.readAllBytes());
                    }
                    found.add(name);
                }
            }
        }
        return found;
    }

    private static String directory(Path jar) {
        return jar.getFileName().toString().replaceFirst("\\.jar$", "");
    }

    private static List<String> check(List<Component> components, Path jars, Path bundled, List<String> targets)
            throws IOException, InterruptedException {
        List<String> problems = new ArrayList<>();
        int artifacts = 0;
        for (String target : targets) {
            for (Path jar : list(Path.of(target), "spark-qwen*.jar")) {
                checkJar(jar, problems);
                artifacts++;
            }
            for (Path archive : list(Path.of(target), "spark-qwen*.tar.gz")) {
                checkArchive(archive, jars, problems);
                artifacts++;
            }
            Path bundle = Path.of(target, "spark-qwen.jar");
            if (Files.exists(bundle)) {
                checkBundle(bundle, components, jars, bundled, problems);
            }
        }
        System.out.println(artifacts + " artifacts have their licences checked");
        if (artifacts == 0) {
            problems.add("no artifact in " + targets);
        }
        return problems;
    }

    private static void checkJar(Path jar, List<String> problems) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            Map<String, String> required =
                    Map.of("META-INF/LICENSE", "Apache License", "META-INF/NOTICE", "the spark-qwen authors");
            for (Map.Entry<String, String> each : required.entrySet()) {
                if (!text(file, each.getKey()).contains(each.getValue())) {
                    problems.add("%s: %s is missing or not ours".formatted(jar, each.getKey()));
                }
            }
        }
    }

    /// What the bill of materials has and Spark's directory does not is inside the bundle.
    private static void checkBundle(
            Path bundle, List<Component> components, Path jars, Path bundled, List<String> problems)
            throws IOException {
        TreeSet<String> shipped = new TreeSet<>();
        for (Path jar : list(jars, "*.jar")) {
            of(jar, components).ifPresent(component -> shipped.add(component.name()));
        }
        Map<String, String> texts = new TreeMap<>();
        for (String line : Files.readAllLines(bundled)) {
            String[] words = line.strip().split("\\s+");
            if (words.length == 2) {
                texts.put(words[0], words[1]);
            }
        }
        try (JarFile file = new JarFile(bundle.toFile())) {
            for (Component each : components) {
                boolean isOurs = each.name().startsWith("org.sparkqwen:");
                if (isOurs || shipped.contains(each.name())) {
                    continue;
                }
                String entry = texts.get(each.name());
                if (entry == null && !each.licences().contains(APACHE)) {
                    problems.add("%s is bundled under %s: say where its text is in %s"
                            .formatted(each.name(), each.licences(), bundled));
                } else if (entry != null && text(file, entry).isBlank()) {
                    problems.add("%s: %s is missing, for %s".formatted(bundle, entry, each.name()));
                }
            }
        }
    }

    private static void checkArchive(Path archive, Path jars, List<String> problems)
            throws IOException, InterruptedException {
        List<String> names = output("tar", "-tzf", archive.toString()).lines().toList();
        String base = names.getFirst().replaceFirst("/.*", "");
        for (String name : List.of("LICENSE", "NOTICE", "licenses/README.md", "sbom.cdx.json")) {
            if (!names.contains(base + "/" + name)) {
                problems.add("%s: %s is missing".formatted(archive, name));
            }
        }
        String index = output("tar", "-xzOf", archive.toString(), base + "/licenses/README.md");
        for (Path jar : list(jars, "*.jar")) {
            if (!index.contains("| " + jar.getFileName() + " |")) {
                problems.add("%s: licenses/README.md does not name %s".formatted(archive, jar.getFileName()));
            }
        }
    }

    private static String output(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed");
        }
        return output;
    }

    private static String text(JarFile file, String name) throws IOException {
        JarEntry entry = file.getJarEntry(name);
        if (entry == null) {
            return "";
        }
        try (InputStream in = file.getInputStream(entry)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static Optional<Component> of(Path jar, List<Component> components) {
        String name = jar.getFileName().toString();
        return components.stream()
                .filter(each -> name.equals(each.library() + ".jar") || name.startsWith(each.library() + "-"))
                .max((a, b) -> a.library().length() - b.library().length());
    }

    private static List<Path> list(Path directory, String glob) throws IOException {
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
            stream.forEach(files::add);
        }
        return files.stream().sorted().toList();
    }

    private static List<Component> components(Path bom) throws Exception {
        Element root = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(bom.toFile())
                .getDocumentElement();
        // Those of the metadata are the tool and this project.
        Element libraries = element(root, "components").orElseThrow();
        NodeList nodes = libraries.getElementsByTagName("component");
        List<Component> components = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            Element node = (Element) nodes.item(i);
            String name = child(node, "name").orElseThrow();
            String group = child(node, "group").orElse("");
            String library = name + "-" + child(node, "version").orElse("");
            String full = group + ":" + name;
            components.add(new Component(library, full, licences(node, full)));
        }
        return components;
    }

    /// Libraries whose POMs name no licence, or not as SPDX does.
    private static final Map<String, String> LICENCES = Map.ofEntries(
            Map.entry("com.esotericsoftware:kryo-shaded", "BSD-3-Clause"),
            Map.entry("com.esotericsoftware:minlog", "BSD-3-Clause"),
            Map.entry("com.github.luben:zstd-jni", "BSD-2-Clause"),
            Map.entry("com.thoughtworks.paranamer:paranamer", "BSD-3-Clause"),
            Map.entry("jakarta.servlet:jakarta.servlet-api", "EPL-2.0"),
            Map.entry("net.razorvine:pickle", "MIT"),
            Map.entry("net.sf.py4j:py4j", "BSD-3-Clause"),
            Map.entry("org.fusesource.leveldbjni:leveldbjni-all", "BSD-3-Clause"),
            Map.entry("org.glassfish.hk2:osgi-resource-locator", "EPL-2.0"),
            Map.entry("org.locationtech.jts:jts-core", "EPL-2.0"),
            Map.entry("org.apache.datasketches:datasketches-memory", APACHE),
            Map.entry("org.apache.xbean:xbean-asm9-shaded", APACHE),
            Map.entry("oro:oro", APACHE));

    private static List<String> licences(Element component, String name) {
        if (LICENCES.containsKey(name)) {
            return List.of(LICENCES.get(name));
        }
        TreeSet<String> licences = new TreeSet<>();
        NodeList nodes = component.getElementsByTagName("license");
        for (int i = 0; i < nodes.getLength(); i++) {
            Element node = (Element) nodes.item(i);
            child(node, "id").or(() -> child(node, "name")).ifPresent(licences::add);
        }
        NodeList expressions = component.getElementsByTagName("expression");
        for (int i = 0; i < expressions.getLength(); i++) {
            licences.add(expressions.item(i).getTextContent().strip());
        }
        return List.copyOf(licences);
    }

    private static Optional<String> child(Element parent, String tag) {
        return element(parent, tag).map(element -> element.getTextContent().strip());
    }

    private static Optional<Element> element(Element parent, String tag) {
        for (var node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(tag)) {
                return Optional.of(element);
            }
        }
        return Optional.empty();
    }
}
