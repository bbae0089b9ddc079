package org.sparkqwen.job.failure;

/// The version of this program, from its jar.
public final class Version {
    private Version() {}

    /// Returns the version, such as `1.2.3`, or `development` where classes do not come from a jar.
    public static String current() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
