package org.sparkqwen.job.input;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.spark.util.HadoopFSUtils;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.storage.LocaleEncoding;
import org.sparkqwen.job.storage.OutputLayout;

/// The files that `--input` names. Files that Spark would skip silently are read, refused, or reported.
///
/// An existing path is that file or directory, whatever characters it has. A path that does not exist may be a glob.
///
/// @param roots the files and directories to read, none within another
/// @param files the data files in them, with their sizes
/// @param nested whether some files lie in directories that are not partitions, which Spark reads only when told to
record InputPaths(List<Path> roots, Map<String, Long> files, boolean nested) {
    private static final Pattern SCHEME = Pattern.compile("([A-Za-z][A-Za-z0-9+.-]*):/.*", Pattern.DOTALL);

    private static final Pattern GLOB = Pattern.compile("[{}\\[\\]*?\\\\]");

    /// The names of files that jobs leave beside their data, and that nobody misses.
    private static final Pattern BESIDE_DATA = Pattern.compile(
            "_SUCCESS|_run\\.json|_metadata|_common_metadata|_(committed|started)_.*|\\.DS_Store|\\._.*|.*\\.crc");

    private static final Set<String> DIRECTORIES_BESIDE_DATA = Set.of(
            OutputLayout.STATE, OutputLayout.ERRORS, OutputLayout.INPUT, OutputLayout.SCORED, "_temporary", "__magic");

    /// Finds the files, for formats that Spark reads from files.
    ///
    /// @param recursive whether the user asks for all files below a directory, without partition columns
    /// @param based whether the user says where partitions begin
    /// @throws Refusal if there is nothing to read, or if it would be unclear what is read
    static InputPaths of(
            List<String> inputs, Configuration hadoop, boolean recursive, boolean based, Warnings warnings) {
        List<Path> roots = withoutDoubles(expand(inputs, hadoop), warnings);
        Map<String, Long> files = new TreeMap<>();
        List<String> leftOut = new ArrayList<>();
        TableFormat.refuseAround(roots, hadoop);
        boolean nested = false;
        for (Path root : roots) {
            Listing listing = Listing.of(root, hadoop);
            leftOut.addAll(listing.leftOut());
            if (listing.files().isEmpty()) {
                throw Refusal.usage("--input %s has no files%s"
                        .formatted(
                                Quote.of(Origin.shortened(root.toString())),
                                listing.leftOut().isEmpty() ? "" : " but hidden ones, " + hidden(listing.leftOut())));
            }
            files.putAll(listing.files());
            if (!recursive && !based) {
                nested |= listing.isNested();
            }
        }
        if (!leftOut.isEmpty()) {
            warnings.add("the input has %,d file%s that %s not read, %s"
                    .formatted(
                            leftOut.size(),
                            leftOut.size() == 1 ? "" : "s",
                            leftOut.size() == 1 ? "is" : "are",
                            hidden(leftOut)));
        }
        return new InputPaths(roots, files, nested);
    }

    private static String hidden(List<String> files) {
        return "such as %s: readers pass over names that begin with _ or ."
                .formatted(Quote.of(Origin.shortened(files.getFirst())));
    }

    /// Returns the files and directories that are named, in their order.
    static List<Path> expand(List<String> inputs, Configuration hadoop) {
        List<Path> paths = new ArrayList<>();
        for (String input : inputs) {
            try {
                paths.addAll(expand(input, hadoop));
            } catch (FileNotFoundException e) {
                throw absent(input);
            } catch (IOException | IllegalArgumentException e) {
                throw Refusal.failure(
                        "--input %s cannot be read: %s".formatted(Quote.of(input), Failures.firstLine(e)));
            }
        }
        return paths;
    }

    private static Refusal absent(String input) {
        return Refusal.usage("--input %s does not exist".formatted(Quote.of(input)));
    }

    private static List<Path> expand(String input, Configuration hadoop) throws IOException {
        if (input.isBlank()) {
            throw Refusal.usage("--input is blank");
        }
        Path literal = literal(input, hadoop);
        FileSystem files = literal.getFileSystem(hadoop);
        if (files instanceof LocalFileSystem) {
            LocaleEncoding.ofProcess().refuseOthers("--input", input);
        }
        if (files.exists(literal)) {
            return List.of(files.makeQualified(literal));
        }
        if (!GLOB.matcher(input).find()) {
            throw absent(input);
        }
        FileStatus[] found = files.globStatus(pattern(files.makeQualified(literal), files));
        List<Path> paths = Arrays.stream(found == null ? new FileStatus[0] : found)
                .map(FileStatus::getPath)
                .filter(path -> !HadoopFSUtils.shouldFilterOutPathName(path.getName()))
                .sorted()
                .toList();
        if (paths.isEmpty()) {
            throw absent(input);
        }
        return paths;
    }

    /// Returns the path in which only `/`, and a scheme before `:/`, have a meaning.
    private static Path literal(String input, Configuration hadoop) {
        Matcher scheme = SCHEME.matcher(input);
        if (!scheme.matches()) {
            Path defaults = new Path(FileSystem.getDefaultUri(hadoop));
            boolean local = "file".equals(defaults.toUri().getScheme());
            String absolute = input.startsWith("/") || !local
                    ? input
                    : java.nio.file.Path.of("").toAbsolutePath() + "/" + input;
            return new Path(null, null, absolute);
        }
        String name = scheme.group(1).toLowerCase(Locale.ROOT);
        if (name.equals("http") || name.equals("https")) {
            throw Refusal.usage("--input: an address of the web (%s:) is no input; download the file, and name that"
                    .formatted(name));
        }
        return name.equals("file") ? local(input) : new Path(input);
    }

    private static Path local(String input) {
        String path = input.substring("file:".length());
        return new Path("file", null, path.startsWith("//") ? path.substring(path.indexOf('/', 2)) : path);
    }

    /// Returns a glob in which directories that exist as they are written stand for themselves.
    private static Path pattern(Path glob, FileSystem files) throws IOException {
        String scheme = glob.toUri().getScheme();
        String authority = glob.toUri().getAuthority();
        StringBuilder plain = new StringBuilder();
        StringBuilder pattern = new StringBuilder();
        boolean exists = true;
        for (String component : glob.toUri().getPath().substring(1).split("/", -1)) {
            plain.append('/').append(component);
            boolean hasMeaning = GLOB.matcher(component).find();
            exists &= !hasMeaning || files.exists(new Path(scheme, authority, plain.toString()));
            pattern.append('/').append(exists ? GLOB.matcher(component).replaceAll("\\\\$0") : component);
        }
        return new Path(scheme, authority, pattern.toString());
    }

    /// Leaves out paths within another, with a warning, because Spark would read some of them twice.
    private static List<Path> withoutDoubles(List<Path> paths, Warnings warnings) {
        Set<Path> named = Set.copyOf(paths);
        List<Path> roots = paths.stream()
                .distinct()
                .filter(path -> ancestors(path).noneMatch(named::contains))
                .toList();
        int doubles = paths.size() - roots.size();
        if (doubles > 0) {
            List<Path> others = new ArrayList<>(paths);
            roots.forEach(others::remove);
            warnings.add("%,d of the --input paths %s in another one, such as %s; each file is read once"
                    .formatted(
                            doubles,
                            doubles == 1 ? "is named twice or lies" : "are named twice or lie",
                            Quote.of(Origin.shortened(others.getFirst().toString()))));
        }
        return roots;
    }

    static Path qualified(Path path, Configuration hadoop) {
        try {
            return path.getFileSystem(hadoop).makeQualified(path);
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be reached: %s".formatted(Quote.of(path), Failures.firstLine(e)), e);
        }
    }

    /// Returns the directories around a path through which a reader reaches it.
    static Stream<Path> ancestors(Path path) {
        List<Path> ancestors = new ArrayList<>();
        for (Path at = path;
                at.getParent() != null && !HadoopFSUtils.shouldFilterOutPathName(at.getName());
                at = at.getParent()) {
            ancestors.add(at.getParent());
        }
        return ancestors.stream();
    }

    /// The files below one path.
    ///
    /// @param files the data files, with their sizes
    /// @param leftOut hidden files that may be data
    private record Listing(Path root, Map<String, Long> files, List<String> leftOut) {

        static Listing of(Path root, Configuration hadoop) {
            Map<String, Long> files = new LinkedHashMap<>();
            List<String> leftOut = new ArrayList<>();
            try {
                FileSystem system = root.getFileSystem(hadoop);
                RemoteIterator<? extends FileStatus> all = system instanceof LocalFileSystem local
                        ? new LocalListing(local, root)
                        : system.listFiles(root, true);
                while (all.hasNext()) {
                    FileStatus file = all.next();
                    TableFormat.refuseWithin(root, file.getPath());
                    List<String> below = below(root, file.getPath());
                    String name = file.getPath().toString();
                    if (below.getLast().contains(":") && system instanceof LocalFileSystem) {
                        throw Refusal.usage("--input %s: Hadoop opens no local file with a colon in its name; rename it"
                                .formatted(Quote.of(Origin.shortened(name))));
                    }
                    if (below.stream().noneMatch(HadoopFSUtils::shouldFilterOutPathName)) {
                        files.put(name, file.getLen());
                    } else if (below.stream().noneMatch(DIRECTORIES_BESIDE_DATA::contains)
                            && !BESIDE_DATA.matcher(below.getLast()).matches()) {
                        leftOut.add(name);
                    }
                }
            } catch (IOException e) {
                throw Refusal.failure("--input %s cannot be read: %s"
                        .formatted(Quote.of(Origin.shortened(root.toString())), Failures.firstLine(e)));
            }
            return new Listing(root, files, leftOut);
        }

        /// Returns the names of a file and of the directories between it and the root; for the root itself its
        /// own name.
        private static List<String> below(Path root, Path file) {
            List<String> names = new ArrayList<>();
            for (Path at = file; at != null && !at.equals(root); at = at.getParent()) {
                names.addFirst(at.getName());
            }
            return names.isEmpty() ? List.of(file.getName()) : names;
        }

        /// Returns whether directories that are not partitions lie between the root and a file.
        ///
        /// @throws Refusal if some files lie in partitions and others do not, or in partitions by other columns
        boolean isNested() {
            Map<String, String> layouts = new LinkedHashMap<>();
            boolean nested = false;
            for (String file : files.keySet()) {
                List<String> below = below(root, new Path(file));
                List<String> directories = below.subList(0, below.size() - 1);
                String columns = directories.stream()
                        .filter(name -> name.contains("="))
                        .map(name -> name.substring(0, name.indexOf('=')))
                        .collect(Collectors.joining("/"));
                String before = directories.stream()
                        .takeWhile(name -> !name.contains("="))
                        .collect(Collectors.joining("/"));
                layouts.putIfAbsent(columns.isEmpty() ? "" : before + "/" + columns, file);
                nested |= columns.isEmpty() && !directories.isEmpty();
            }
            if (layouts.size() > 1) {
                List<String> examples = List.copyOf(layouts.values());
                throw Refusal.usage(
                        ("--input %s has files in directories of different partition columns, such as %s and %s;"
                                        + " name them apart, or read all without partition columns by"
                                        + " --input-option recursiveFileLookup=true")
                                .formatted(
                                        Quote.of(Origin.shortened(root.toString())),
                                        Quote.of(Origin.shortened(examples.get(0))),
                                        Quote.of(Origin.shortened(examples.get(1)))));
            }
            return nested;
        }
    }
}
