# frozen_string_literal: true

# Loads a formula as Homebrew does, on each operating system and architecture, with a small class
# Formula that knows only the words of its language that are checked here; any other word is an
# error. Its methods are called, too, with folders that only record what is installed.
# usage: ruby homebrew_shim.rb FORMULA.rb
# Prints JSON: for each of macos-arm, macos-intel, linux-arm, linux-intel the url and the sha256, or
# null where the formula's requirements refuse it.

require "json"

MACHINES = %w[macos linux].product(%w[arm intel]).freeze

# A folder of Homebrew, such as `bin`.
class Folder
  attr_reader :installed

  def initialize(name)
    @name = name
    @installed = []
  end

  def install(*files)
    files.each do |file|
      file = file.first.join(" => ") if file.is_a?(Hash)
      raise "#{@name} installs #{file.inspect}" unless file.is_a?(String)

      @installed << file
    end
  end

  def /(other)
    "#{@name}/#{other}"
  end
end

# What every formula inherits from.
class Formula
  FOLDERS = %w[
    bin bash_completion zsh_completion fish_completion pwsh_completion prefix pkgshare
    man1 man2 man3 man4 man5 man6 man7 man8
  ].freeze

  class << self
    attr_reader :values, :requirements, :test_block

    def inherited(formula)
      super
      formula.instance_variable_set(:@values, {})
      formula.instance_variable_set(:@requirements, [])
    end

    %i[desc homepage url version sha256].each do |word|
      define_method(word) do |text|
        raise "#{word} is #{text.inspect}" unless text.is_a?(String) && !text.empty?
        raise "#{word} is given twice" if @values.key?(word)

        @values[word] = text
      end
    end

    def license(expression)
      @values[:license] = check_license(expression)
    end

    def check_license(expression)
      case expression
      when :public_domain, :cannot_represent, /\A[A-Za-z0-9.-]+\+?\z/ then nil
      when Hash
        raise "license has #{expression.size} keys" if expression.size != 1

        key, value = expression.first
        case key
        when :any_of, :all_of
          raise "#{key} has less than two" if value.size < 2

          value.each { |item| check_license(item) }
        when String
          raise "#{key} has #{value}" if value.keys != [:with]
        else
          raise "license has the key #{key.inspect}"
        end
      else
        raise "license is #{expression.inspect}"
      end
      expression
    end

    def depends_on(requirement)
      @requirements << requirement
    end

    def conflicts_with(name, because:)
      raise "conflicts_with #{name.inspect}" unless name.is_a?(String) && because.is_a?(String)
    end

    MACHINES.flatten.uniq.each do |word|
      define_method("on_#{word}") do |&block|
        instance_eval(&block) if $machine.include?(word)
      end
    end

    def test(&block)
      @test_block = block
    end

    def supported?
      os, arch = $machine
      arch = { "arm" => :arm64, "intel" => :x86_64 }.fetch(arch)
      @requirements.all? do |requirement|
        case requirement
        when :macos, :linux then requirement.to_s == os
        when Hash
          raise "depends_on #{requirement}" if requirement.keys != [:arch]

          requirement[:arch] == arch
        else
          raise "depends_on #{requirement.inspect}"
        end
      end
    end
  end

  FOLDERS.each do |folder|
    define_method(folder) { (@folders ||= {})[folder] ||= Folder.new(folder) }
  end

  def system(*words)
    raise "the test runs #{words}" unless words.all?(String)
  end
end

# The name of the class, as Homebrew makes it of the file's name.
def class_s(name)
  name = name.capitalize
  name.gsub!(/[-_.\s]([a-zA-Z0-9])/) { Regexp.last_match(1).upcase }
  name.tr!("+", "x")
  name.sub!(/(.)@(\d)/, "\\1AT\\2")
  name
end

# What `brew audit` says of a description.
def audit(name, desc)
  raise "desc has #{desc.length} characters" if desc.length > 80
  raise "desc has spaces at its ends" if desc != desc.strip
  raise "desc starts with an article" if desc.match?(/^(the|an?)(?=\s)/i)
  raise "desc starts with a small letter" if desc.match?(/^(?!iOS\b|iPhone\b|macOS\b)[a-z]/)
  raise "desc ends with a full stop" if desc.end_with?(".") && !desc.end_with?("etc.")
  raise "desc has a picture" if desc.match?(/\p{So}/)
  raise "desc says command line without a dash" if desc.match?(/command ?line/i)

  name = name.delete("-").chars.map { |c| Regexp.escape(c) }.join('[\s\-]?')
  raise "desc starts with the formula's name" if desc.match?(/^#{name}\b/i)
end

path = ARGV.fetch(0)
name = File.basename(path, ".rb")
result = MACHINES.to_h do |machine|
  $machine = machine
  space = Module.new
  space.module_eval(File.read(path, encoding: "UTF-8"), path)
  formula = space.const_get(class_s(name))
  raise "#{formula} is no Formula" unless formula.superclass == Formula

  values = formula.values
  # Homebrew can't read a formula that has no url on the machine.
  %i[desc homepage url version sha256 license].each do |word|
    raise "#{machine.join("-")} has no #{word}" unless values.key?(word)
  end
  audit(name, values[:desc])
  instance = formula.new
  instance.install
  raise "nothing is installed in bin" if instance.bin.installed.empty?
  raise "caveats are no text" if instance.respond_to?(:caveats) && !instance.caveats.is_a?(String)

  instance.instance_eval(&formula.test_block)
  shown = { url: values[:url], sha256: values[:sha256] } if formula.supported?
  [machine.join("-"), shown]
end
puts JSON.pretty_generate(result)
