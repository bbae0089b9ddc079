package org.sparkqwen.job.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.functional.FutureIO;
import org.apache.spark.SparkEnv;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.gguf.GgufNames;
import org.sparkqwen.engine.hostcache.FileRange;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.hostcache.ModelOrigin;
import org.sparkqwen.engine.hostcache.RangeSource;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// A directory on a file system that Hadoop knows, such as `hdfs:`, `s3a:` or `file:`, or the files of a GGUF model in
/// such a directory. It is sent to executors, which reach the directory with their own configuration, so that no
/// credentials travel along.
public final class HadoopFiles implements RangeSource, Serializable {
    private static final long serialVersionUID = 1L;

    /// The connections of a host. A single connection is seldom as fast as a network card.
    private static final int THREADS = 8;

    /// The bytes that one request asks for.
    private static final int REQUEST_BYTES = 4 << 20;

    private final String uri;
    private final transient @Nullable Configuration driversConfiguration;

    /// Creates the directory for a driver that has no session yet.
    ///
    /// @param uri a directory; if it ends with `.gguf`, a model in its directory
    public HadoopFiles(String uri, Configuration configuration) {
        this.uri = uri;
        driversConfiguration = configuration;
    }

    /// Creates the directory for executors.
    public HadoopFiles(String uri) {
        this.uri = uri;
        driversConfiguration = null;
    }

    public String uri() {
        return uri;
    }

    private boolean isGguf() {
        return uri.endsWith(GgufNames.ENDING);
    }

    private Path directory() {
        return isGguf() ? Objects.requireNonNull(new Path(uri).getParent()) : new Path(uri);
    }

    private FileSystem fileSystem() throws IOException {
        Configuration configuration = driversConfiguration == null
                ? SparkHadoopUtil.get().newConfiguration(SparkEnv.get().conf())
                : driversConfiguration;
        return FileSystem.get(URI.create(uri), configuration);
    }

    /// Lists the directory, or the files that a GGUF model of it needs.
    ///
    /// @throws Refusal if it cannot be listed
    /// @throws InvalidModelException if a file of the GGUF model is not there
    public ModelOrigin list() {
        ModelOrigin all = listAll();
        if (!isGguf()) {
            return all;
        }
        Set<String> names = all.files().stream().map(ModelOrigin.Listed::name).collect(Collectors.toSet());
        String gguf = new Path(uri).getName();
        if (!names.contains(gguf)) {
            throw Refusal.usage("--model %s does not exist".formatted(uri));
        }
        Set<String> needed = ModelFiles.ofGguf(gguf, names, directory().toString());
        return new ModelOrigin(
                uri,
                all.files().stream()
                        .filter(file -> needed.contains(file.name()))
                        .toList());
    }

    /// Lists the files of a LoRA adapter in the directory.
    ///
    /// @throws Refusal if it cannot be listed
    /// @throws InvalidModelException if one of the adapter's files is not there
    public ModelOrigin listAdapter() {
        ModelOrigin all = listAll();
        Set<String> names = all.files().stream().map(ModelOrigin.Listed::name).collect(Collectors.toSet());
        AdapterFiles.requireAll(uri, names::contains);
        return new ModelOrigin(
                uri,
                all.files().stream()
                        .filter(file -> AdapterFiles.NAMES.contains(file.name()))
                        .toList());
    }

    private ModelOrigin listAll() {
        try {
            List<ModelOrigin.Listed> files = new ArrayList<>();
            List<String> folders = new ArrayList<>();
            for (FileStatus status : fileSystem().listStatus(directory())) {
                if (status.isFile()) {
                    files.add(listed("", status));
                } else {
                    folders.add(status.getPath().getName() + "/");
                }
            }
            if (files.stream().anyMatch(file -> file.name().equals(ModelFiles.MODULES))) {
                for (String folder : folders) {
                    for (FileStatus status : fileSystem().listStatus(new Path(directory(), folder))) {
                        if (status.isFile() && status.getPath().getName().equals(ModelFiles.OF_MODULE)) {
                            files.add(listed(folder, status));
                        }
                    }
                }
            }
            files.sort(Comparator.comparing(ModelOrigin.Listed::name));
            return new ModelOrigin(uri, List.copyOf(files));
        } catch (FileNotFoundException _) {
            throw Refusal.usage("--model %s does not exist".formatted(uri));
        } catch (IOException | RuntimeException e) {
            throw Refusal.failure("--model %s cannot be read: %s".formatted(uri, Failures.firstLine(e)), e);
        }
    }

    /// @param folder the name of the file's folder, with a slash at its end; empty for none
    private static ModelOrigin.Listed listed(String folder, FileStatus status) {
        return new ModelOrigin.Listed(
                folder + status.getPath().getName(), status.getLen(), status.getModificationTime());
    }

    /// Downloads small files into a temporary directory, which is deleted when this process ends.
    ///
    /// @param prefix the prefix of the temporary directory's name
    /// @param choice returns the names of the files, given which ones exist
    /// @throws Refusal if a file cannot be read
    public java.nio.file.Path download(String prefix, Function<Predicate<String>, List<String>> choice) {
        Set<String> present =
                list().files().stream().map(ModelOrigin.Listed::name).collect(Collectors.toSet());
        try {
            java.nio.file.Path directory = Files.createTempDirectory(prefix);
            directory.toFile().deleteOnExit();
            for (String name : choice.apply(present::contains)) {
                java.nio.file.Path file = directory.resolve(name);
                file.toFile().deleteOnExit();
                try (FSDataInputStream in = fileSystem().open(new Path(directory(), name))) {
                    Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
                }
            }
            return directory;
        } catch (IOException | RuntimeException e) {
            throw Refusal.failure("--model %s cannot be read: %s".formatted(uri, Failures.firstLine(e)), e);
        }
    }

    @Override
    public int threads() {
        return THREADS;
    }

    @Override
    public void read(FileRange range, Sink sink) throws IOException {
        Path path = new Path(directory(), range.file());
        byte[] buffer = new byte[Math.min(REQUEST_BYTES, range.bytes())];
        try (FSDataInputStream in = FutureIO.awaitFuture(fileSystem()
                .openFile(path)
                .opt("fs.option.openfile.read.policy", "random") // several independent ranges
                .build())) {
            for (int done = 0; done < range.bytes(); ) {
                int count = Math.min(buffer.length, range.bytes() - done);
                in.readFully(range.from() + done, buffer, 0, count);
                sink.write(ByteBuffer.wrap(buffer, 0, count));
                done += count;
            }
        } catch (IOException e) {
            throw new IOException("%s cannot be read: %s".formatted(path, Failures.firstLine(e)), e);
        }
    }
}
