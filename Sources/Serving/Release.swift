/// What `apus --version`, headers and metrics say.
public enum Release {
  public static let version = "0.1"
}
