package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The entries of `/proc/PID/smaps` for the packed weights that a process has mapped.
///
/// @param inode device and inode of the file
/// @param kilobytes the sizes by their names in smaps: `Rss` is in memory, `Pss` the process's share of that,
///     `Shared_Clean` also mapped by other processes, `Private_Clean` only by this one
public record MappedPages(String inode, Map<String, Long> kilobytes) {
    private static final Pattern MAPPING = Pattern.compile("[0-9a-f]+-[0-9a-f]+ \\S+ \\S+ (\\S+ \\d+) +(.*)");
    private static final Pattern FIELD = Pattern.compile("(\\w+): +(\\d+) kB");

    public static boolean known() {
        return Files.isReadable(Path.of("/proc/self/smaps"));
    }

    /// Returns an entry for each mapped file; none for a process that has ended.
    public static List<MappedPages> of(ProcessHandle process) {
        List<String> lines;
        try {
            lines = Files.readAllLines(Path.of("/proc/%d/smaps".formatted(process.pid())));
        } catch (NoSuchFileException _) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Map<String, Map<String, Long>> byInode = new TreeMap<>();
        Map<String, Long> current = new TreeMap<>();
        for (String line : lines) {
            Matcher mapping = MAPPING.matcher(line);
            Matcher field = FIELD.matcher(line);
            if (mapping.matches()) {
                current = mapping.group(2).endsWith(".packed")
                        ? byInode.computeIfAbsent(mapping.group(1), inode -> new TreeMap<>())
                        : new TreeMap<>();
            } else if (field.lookingAt()) {
                current.merge(field.group(1), Long.valueOf(field.group(2)), Long::sum);
            }
        }
        List<MappedPages> pages = new ArrayList<>();
        byInode.forEach((inode, kilobytes) -> pages.add(new MappedPages(inode, kilobytes)));
        return pages;
    }

    public long get(String name) {
        return kilobytes.getOrDefault(name, 0L);
    }
}
