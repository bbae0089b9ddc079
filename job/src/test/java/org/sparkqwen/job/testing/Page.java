package org.sparkqwen.job.testing;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// A page of the documentation, with its blocks of code.
///
/// @param name its path in the project
public record Page(String name, String text) {
    private static final Path PROJECT = Path.of("..");

    private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```$");

    /// Returns every page with code that is run, compiled or checked.
    public static List<Page> all() throws IOException {
        List<Page> pages = new ArrayList<>();
        for (String page : List.of("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "data-samples/README.md")) {
            pages.add(read(PROJECT.resolve(page)));
        }
        pages.addAll(in("docs"));
        pages.addAll(guides());
        return pages;
    }

    /// Returns the guides, whose blocks follow each other.
    public static List<Page> guides() throws IOException {
        return in("docs/guides");
    }

    private static List<Page> in(String folder) throws IOException {
        List<Page> pages = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(PROJECT.resolve(folder), "*.md")) {
            for (Path file : files) {
                pages.add(read(file));
            }
        }
        return pages;
    }

    private static Page read(Path file) throws IOException {
        return new Page(PROJECT.relativize(file).toString(), Files.readString(file));
    }

    /// Returns the blocks of code in the order of the page.
    public List<Block> blocks() {
        List<Block> blocks = new ArrayList<>();
        Matcher block = BLOCK.matcher(text);
        while (block.find()) {
            long line = text.substring(0, block.start()).lines().count() + 1;
            List<String> shown = shown(text.substring(block.end()).split("\n#|```sh|```sql", 2)[0]);
            blocks.add(new Block("%s:%d".formatted(name, line), block.group(1), block.group(2), shown));
        }
        return blocks;
    }

    /// Returns the lines of output, of tables and of generated JSON that are shown before the next code or heading,
    /// except lines that differ from run to run, or from machine to machine.
    private static List<String> shown(String rest) {
        return BLOCK.matcher(rest)
                .results()
                .filter(block -> block.group(1).equals("text"))
                .flatMap(block -> block.group(2).lines())
                .filter(line -> line.startsWith("  ") || line.startsWith("|") || line.startsWith("{\"title"))
                .filter(line -> !line.startsWith("  shared ") && !line.startsWith("  precision "))
                .toList();
    }

    /// Returns code in which everything that a page names and that does not exist here has a place that does.
    ///
    /// @param directory stands in for `/tmp`
    public static String onThisMachine(String code, Path directory) {
        Map<String, String> places = Map.of(
                "data-samples/", LocalSpark.SAMPLES + "/",
                "engine/src/", LocalSpark.SAMPLES.resolveSibling("engine/src") + "/",
                "/tmp/", directory + "/",
                "/shared/Qwen3-4B-Base", LocalSpark.MODEL.toString(),
                "s3a://models/Qwen3-4B-Base", LocalSpark.MODEL.toString(),
                "s3a://corpus/", directory + "/corpus",
                "s3a://scores/", directory + "/s3-scores/");
        String any = places.keySet().stream().map(Pattern::quote).collect(Collectors.joining("|"));
        return Pattern.compile(any)
                .matcher(code)
                .replaceAll(place -> Matcher.quoteReplacement(places.getOrDefault(place.group(), "")));
    }

    @Override
    public String toString() {
        return name;
    }

    /// A block of code in a page.
    ///
    /// @param place the page and the line of the block
    /// @param language the word after the opening fence
    /// @param shown lines that its commands print or write, according to the page
    public record Block(String place, String language, String text, List<String> shown) {
        @Override
        public String toString() {
            return place;
        }
    }
}
